import { operation } from "../graphql-client.js";

export interface Message {
  readonly topic: string;
  readonly namespace: string;
  readonly body: string;
  readonly key: string | undefined;
  readonly contentType: string | undefined;
}

export interface Publication {
  readonly id: string;
  readonly deliveries: number;
  readonly unreached: readonly string[];
}

export const publish = operation<{ publish: Publication }, Message>(/* GraphQL */ `
  mutation Publish($topic: String!, $namespace: String!, $body: String!, $key: String, $contentType: String) {
    publish(topic: $topic, namespace: $namespace, body: $body, key: $key, contentType: $contentType) {
      id
      deliveries
      unreached
    }
  }
`);
