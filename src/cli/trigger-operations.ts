/** The operations of one kind of trigger: the same for every kind but for the fields. */
import { operation, type Operation } from "./graphql-client.js";
import type { Connection } from "./paging.js";

/** What all kinds have. */
export interface TriggerNode {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly enabled: boolean;
  readonly function: { readonly name: string };
  readonly status: { readonly condition: string; readonly reason: string | null; readonly since: string };
  readonly createdAt: string;
}

export type TriggerTypeName = "TimeTrigger" | "KubernetesWatchTrigger" | "QueueTrigger";

type Made<Node> = { readonly made: Node };

export interface ListVariables {
  readonly namespace: string | null;
  readonly function: string | null;
  readonly first: number;
  readonly after: string | null;
}

/** What is asked of a trigger of one kind has no fields where it is of another. */
interface OfOtherKind {
  readonly id?: never;
}

export type GetTrigger<Node> = Operation<{ readonly trigger: Node | OfOtherKind | null }, { id: string }>;
export type ListTriggers<Node> = Operation<{ readonly triggers: Connection<Node> }, ListVariables>;

/** As people call them. */
export const triggerWords = {
  HttpTrigger: { one: "route", many: "routes" },
  TimeTrigger: { one: "timer", many: "timers" },
  KubernetesWatchTrigger: { one: "watch", many: "watches" },
  QueueTrigger: { one: "queue", many: "queues" },
} as const;

export interface AnyTrigger {
  readonly __typename: keyof typeof triggerWords;
  readonly id: string;
  readonly name: string;
}

const fragment = (type: TriggerTypeName, fields: string): string => /* GraphQL */ `
  fragment Fields on ${type} {
    id
    namespace
    name
    revision
    enabled
    function {
      name
    }
    status {
      condition
      reason
      since
    }
    ${fields}
    createdAt
    updatedAt
  }
`;

export const createOperation = <Node>(
  type: TriggerTypeName,
  fields: string,
): Operation<Made<Node>, { input: object }> =>
  operation(
    `mutation Create($input: Create${type}Input!) { made: create${type}(input: $input) { ...Fields } } ${fragment(type, fields)}`,
  );

export const updateOperation = <Node>(
  type: TriggerTypeName,
  fields: string,
): Operation<Made<Node>, { input: object }> =>
  operation(
    `mutation Update($input: Update${type}Input!) { made: update${type}(input: $input) { ...Fields } } ${fragment(type, fields)}`,
  );

export const enableOperation = <Node>(
  type: TriggerTypeName,
  fields: string,
): Operation<Made<Node>, { id: string; enabled: boolean }> =>
  operation(
    `mutation Enable($id: ID!, $enabled: Boolean!) { made: setTriggerEnabled(id: $id, enabled: $enabled) { ...Fields } } ${fragment(type, fields)}`,
  );

export const deleteOperation = <Node>(type: TriggerTypeName, fields: string): Operation<Made<Node>, { id: string }> =>
  operation(`mutation Delete($id: ID!) { made: deleteTrigger(id: $id) { ...Fields } } ${fragment(type, fields)}`);

export const getOperation = <Node>(type: TriggerTypeName, fields: string): GetTrigger<Node> =>
  operation(`query Get($id: ID!) { trigger(id: $id) { ...Fields } } ${fragment(type, fields)}`);

const kindOf = { TimeTrigger: "TIME", KubernetesWatchTrigger: "KUBERNETES_WATCH", QueueTrigger: "QUEUE" } as const;

export const listOperation = <Node>(type: TriggerTypeName, fields: string): ListTriggers<Node> =>
  operation(
    `query List($namespace: String, $function: String, $first: Int!, $after: String) {
      triggers(namespace: $namespace, function: $function, kind: ${kindOf[type]}, first: $first, after: $after) {
        nodes { ...Fields } pageInfo { hasNextPage endCursor }
      }
    } ${fragment(type, fields)}`,
  );
