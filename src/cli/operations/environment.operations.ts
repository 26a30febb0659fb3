import { operation } from "../graphql-client.js";
import type { Connection } from "../paging.js";

export interface EnvironmentNode {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly image: string;
  readonly contract: string;
  readonly poolSize: number;
  readonly gracePeriodSeconds: number;
  readonly createdAt: string;
}

const fields = /* GraphQL */ `
  fragment EnvironmentFields on Environment {
    id
    namespace
    name
    revision
    image
    contract
    poolSize
    resources {
      cpuRequest
      cpuLimit
      memoryRequest
      memoryLimit
    }
    gracePeriodSeconds
    podTemplate
    createdAt
    updatedAt
  }
`;

export const createEnvironment = operation<{ createEnvironment: EnvironmentNode }, { input: object }>(/* GraphQL */ `
  mutation CreateEnvironment($input: CreateEnvironmentInput!) {
    createEnvironment(input: $input) {
      ...EnvironmentFields
    }
  }
  ${fields}
`);

export const updateEnvironment = operation<{ updateEnvironment: EnvironmentNode }, { input: object }>(/* GraphQL */ `
  mutation UpdateEnvironment($input: UpdateEnvironmentInput!) {
    updateEnvironment(input: $input) {
      ...EnvironmentFields
    }
  }
  ${fields}
`);

export const deleteEnvironment = operation<{ deleteEnvironment: EnvironmentNode }, { name: string; namespace: string }>(
  /* GraphQL */ `
    mutation DeleteEnvironment($name: String!, $namespace: String!) {
      deleteEnvironment(name: $name, namespace: $namespace) {
        ...EnvironmentFields
      }
    }
    ${fields}
  `,
);

export const getEnvironment = operation<{ environment: EnvironmentNode | null }, { name: string; namespace: string }>(
  /* GraphQL */ `
    query Environment($name: String!, $namespace: String!) {
      environment(name: $name, namespace: $namespace) {
        ...EnvironmentFields
      }
    }
    ${fields}
  `,
);

export const listEnvironments = operation<
  { environments: Connection<EnvironmentNode> },
  { namespace: string | null; first: number; after: string | null }
>(/* GraphQL */ `
  query Environments($namespace: String, $first: Int!, $after: String) {
    environments(namespace: $namespace, first: $first, after: $after) {
      nodes {
        ...EnvironmentFields
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
  ${fields}
`);
