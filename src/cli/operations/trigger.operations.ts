import { operation } from "../graphql-client.js";
import type { Connection } from "../paging.js";
import type { AnyTrigger, ListVariables } from "../trigger-operations.js";

/** Of every kind. */
export const listTriggers = operation<{ readonly triggers: Connection<AnyTrigger> }, ListVariables>(/* GraphQL */ `
  query Triggers($namespace: String, $function: String, $first: Int!, $after: String) {
    triggers(namespace: $namespace, function: $function, first: $first, after: $after) {
      nodes {
        __typename
        id
        name
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);
