import { operation } from "../graphql-client.js";
import type { Connection } from "../paging.js";

export interface InvocationNode {
  readonly id: string;
  readonly function: { readonly namespace: string; readonly name: string };
  readonly functionVersion: number;
  readonly source: string;
  /** Null where no trigger called it, or where the trigger is gone for good. */
  readonly trigger: { readonly id: string; readonly name: string } | null;
  readonly status: string;
  readonly method: string;
  readonly path: string;
  readonly httpStatus: number | null;
  readonly error: string | null;
  readonly coldStart: boolean;
  readonly durationMs: number | null;
  readonly waitMs: number | null;
  readonly attempts: number;
  readonly requestBytes: number;
  readonly responseBytes: number | null;
  readonly instance: string | null;
  readonly acceptedAt: string;
  readonly finishedAt: string | null;
}

export interface InvocationAnswer extends InvocationNode {
  readonly result: { readonly httpStatus: number; readonly body: string; readonly base64: boolean } | null;
}

const fields = /* GraphQL */ `
  fragment InvocationFields on Invocation {
    id
    function {
      namespace
      name
    }
    functionVersion
    source
    trigger {
      id
      name
    }
    status
    method
    path
    httpStatus
    error
    coldStart
    durationMs
    waitMs
    attempts
    requestBytes
    responseBytes
    instance
    acceptedAt
    finishedAt
  }
`;

export const invokeFunction = operation<{ invokeFunction: InvocationAnswer }, { input: object }>(/* GraphQL */ `
  mutation InvokeFunction($input: InvokeFunctionInput!) {
    invokeFunction(input: $input) {
      ...InvocationFields
      result {
        httpStatus
        headers
        body
        base64
      }
    }
  }
  ${fields}
`);

export const enqueueInvocation = operation<{ enqueueInvocation: InvocationNode }, { input: object }>(/* GraphQL */ `
  mutation EnqueueInvocation($input: EnqueueInvocationInput!) {
    enqueueInvocation(input: $input) {
      ...InvocationFields
    }
  }
  ${fields}
`);

export const cancelInvocation = operation<{ cancelInvocation: InvocationNode }, { id: string }>(/* GraphQL */ `
  mutation CancelInvocation($id: ID!) {
    cancelInvocation(id: $id) {
      ...InvocationFields
    }
  }
  ${fields}
`);

export const redriveInvocation = operation<{ redriveInvocation: InvocationNode }, { id: string }>(/* GraphQL */ `
  mutation RedriveInvocation($id: ID!) {
    redriveInvocation(id: $id) {
      ...InvocationFields
    }
  }
  ${fields}
`);

export const redriveInvocations = operation<{ redriveInvocations: { readonly count: number } }, { filter: object }>(
  /* GraphQL */ `
    mutation RedriveInvocations($filter: InvocationFilter!) {
      redriveInvocations(filter: $filter) {
        count
      }
    }
  `,
);

export const getInvocation = operation<{ invocation: InvocationAnswer | null }, { id: string }>(/* GraphQL */ `
  query Invocation($id: ID!) {
    invocation(id: $id) {
      ...InvocationFields
      result {
        httpStatus
        headers
        body
        base64
      }
    }
  }
  ${fields}
`);

export const listInvocations = operation<
  { invocations: Connection<InvocationNode> },
  { filter: object; first: number; after: string | null }
>(/* GraphQL */ `
  query Invocations($filter: InvocationFilter, $first: Int!, $after: String) {
    invocations(filter: $filter, first: $first, after: $after) {
      nodes {
        ...InvocationFields
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
  ${fields}
`);

/** When each was accepted, newest first. */
export const listAcceptedAt = operation<
  { invocations: Connection<{ readonly acceptedAt: string }> },
  { filter: object; first: number; after: string | null }
>(/* GraphQL */ `
  query AcceptedAt($filter: InvocationFilter, $first: Int!, $after: String) {
    invocations(filter: $filter, first: $first, after: $after) {
      nodes {
        acceptedAt
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`);
