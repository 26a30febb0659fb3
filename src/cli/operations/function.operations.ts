import { operation } from "../graphql-client.js";
import type { Connection } from "../paging.js";

export interface VersionNode {
  readonly number: number;
  readonly environment: { readonly name: string };
  readonly digest: string;
  readonly sizeBytes: number;
  readonly entrypoint: string | null;
  readonly createdAt: string;
}

export interface FunctionNode {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly environment: { readonly name: string };
  readonly currentVersion: VersionNode;
  readonly settings: {
    readonly timeoutSeconds: number;
    readonly requestsPerInstance: number;
    readonly minInstances: number;
    readonly maxInstances: number;
    readonly idleTimeoutSeconds: number;
  };
  readonly createdAt: string;
}

interface Named {
  readonly name: string;
  readonly namespace: string;
}

const versionFields = /* GraphQL */ `
  fragment VersionFields on FunctionVersion {
    id
    number
    environment {
      name
    }
    digest
    sizeBytes
    entrypoint
    variables {
      name
      value
    }
    createdAt
  }
`;

const fields = /* GraphQL */ `
  fragment FunctionFields on Function {
    id
    namespace
    name
    revision
    environment {
      name
    }
    currentVersion {
      ...VersionFields
    }
    settings {
      timeoutSeconds
      requestsPerInstance
      minInstances
      maxInstances
      idleTimeoutSeconds
    }
    createdAt
    updatedAt
  }
  ${versionFields}
`;

export const createFunction = operation<{ createFunction: FunctionNode }, { input: object }>(/* GraphQL */ `
  mutation CreateFunction($input: CreateFunctionInput!) {
    createFunction(input: $input) {
      ...FunctionFields
    }
  }
  ${fields}
`);

export const updateFunction = operation<{ updateFunction: FunctionNode }, { input: object }>(/* GraphQL */ `
  mutation UpdateFunction($input: UpdateFunctionInput!) {
    updateFunction(input: $input) {
      ...FunctionFields
    }
  }
  ${fields}
`);

export const deleteFunction = operation<{ deleteFunction: FunctionNode }, Named & { deleteTriggers: boolean }>(
  /* GraphQL */ `
    mutation DeleteFunction($name: String!, $namespace: String!, $deleteTriggers: Boolean!) {
      deleteFunction(name: $name, namespace: $namespace, deleteTriggers: $deleteTriggers) {
        ...FunctionFields
      }
    }
    ${fields}
  `,
);

export const rollbackFunction = operation<{ rollbackFunction: FunctionNode }, Named & { toVersion: number }>(
  /* GraphQL */ `
    mutation RollbackFunction($name: String!, $namespace: String!, $toVersion: Int!) {
      rollbackFunction(name: $name, namespace: $namespace, toVersion: $toVersion) {
        ...FunctionFields
      }
    }
    ${fields}
  `,
);

export const getFunction = operation<{ function: FunctionNode | null }, Named>(/* GraphQL */ `
  query Function($name: String!, $namespace: String!) {
    function(name: $name, namespace: $namespace) {
      ...FunctionFields
    }
  }
  ${fields}
`);

export const getSource = operation<
  { function: { readonly currentVersion: { readonly source: string | null } } | null },
  Named
>(/* GraphQL */ `
  query FunctionSource($name: String!, $namespace: String!) {
    function(name: $name, namespace: $namespace) {
      currentVersion {
        source
      }
    }
  }
`);

export const listFunctions = operation<
  { functions: Connection<FunctionNode> },
  {
    namespace: string | null;
    environment: string | null;
    search: string | null;
    first: number;
    after: string | null;
  }
>(/* GraphQL */ `
  query Functions($namespace: String, $environment: String, $search: String, $first: Int!, $after: String) {
    functions(namespace: $namespace, environment: $environment, search: $search, first: $first, after: $after) {
      nodes {
        ...FunctionFields
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
  ${fields}
`);

export const listVersions = operation<
  {
    function: {
      readonly currentVersion: { readonly number: number };
      readonly versions: Connection<VersionNode>;
    } | null;
  },
  Named & { first: number; after: string | null }
>(/* GraphQL */ `
  query FunctionVersions($name: String!, $namespace: String!, $first: Int!, $after: String) {
    function(name: $name, namespace: $namespace) {
      currentVersion {
        number
      }
      versions(first: $first, after: $after) {
        nodes {
          ...VersionFields
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
  ${versionFields}
`);
