import { operation } from "../graphql-client.js";

export interface Publication {
  readonly topic: string;
  readonly namespace: string;
  readonly body: string;
  readonly key: string | undefined;
  readonly contentType: string | undefined;
}

export const publishMessage = operation<{ publishMessage: string }, Publication>(/* GraphQL */ `
  mutation PublishMessage($topic: String!, $namespace: String!, $body: String!, $key: String, $contentType: String) {
    publishMessage(topic: $topic, namespace: $namespace, body: $body, key: $key, contentType: $contentType)
  }
`);
