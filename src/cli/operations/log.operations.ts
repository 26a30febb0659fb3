import { operation } from "../graphql-client.js";
import type { Connection } from "../paging.js";

export interface LogNode {
  readonly id: string;
  readonly at: string;
  readonly stream: "STDOUT" | "STDERR" | "SYSTEM";
  readonly message: string;
  readonly invocationId: string | null;
}

const fields = /* GraphQL */ `
  fragment LogFields on LogLine {
    id
    at
    stream
    message
    functionVersion
    invocationId
    instance
  }
`;

/** `function` is null where there is none of that name (any more); its lines may still be there. */
export const tailLogs = operation<
  {
    function: { readonly id: string } | null;
    logs: {
      readonly nodes: readonly LogNode[];
      readonly pageInfo: {
        readonly hasPreviousPage: boolean;
        readonly startCursor: string | null;
        readonly endCursor: string | null;
      };
    };
  },
  { name: string; namespace: string; filter: object; last: number; before: string | null }
>(/* GraphQL */ `
  query TailLogs($name: String!, $namespace: String!, $filter: LogFilter!, $last: Int!, $before: String) {
    function(name: $name, namespace: $namespace) {
      id
    }
    logs(filter: $filter, last: $last, before: $before) {
      nodes {
        ...LogFields
      }
      pageInfo {
        hasPreviousPage
        startCursor
        endCursor
      }
    }
  }
  ${fields}
`);

export const laterLogs = operation<
  { logs: Connection<LogNode> },
  { filter: object; first: number; after: string | null }
>(/* GraphQL */ `
  query LaterLogs($filter: LogFilter!, $first: Int!, $after: String) {
    logs(filter: $filter, first: $first, after: $after) {
      nodes {
        ...LogFields
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
  ${fields}
`);

export const followLogs = operation<{ logs: LogNode }, { filter: object; tail: number }>(/* GraphQL */ `
  subscription FollowLogs($filter: LogFilter!, $tail: Int!) {
    logs(filter: $filter, tail: $tail) {
      ...LogFields
    }
  }
  ${fields}
`);
