import { operation } from "../graphql-client.js";
import type { GetTrigger, ListTriggers } from "../trigger-operations.js";

export interface CorsPolicy {
  readonly allowOrigins: readonly string[];
  readonly allowMethods?: readonly string[];
  readonly allowHeaders?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly allowCredentials?: boolean;
  readonly maxAgeSeconds?: number;
}

export interface RouteNode {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly enabled: boolean;
  readonly function: { readonly name: string };
  readonly methods: readonly string[];
  readonly path: string;
  readonly host: string | null;
  readonly cors: CorsPolicy | null;
  readonly mode: string;
  readonly url: string;
  readonly createdAt: string;
}

const fields = /* GraphQL */ `
  fragment RouteFields on HttpTrigger {
    id
    namespace
    name
    revision
    enabled
    function {
      name
    }
    methods
    path
    host
    cors {
      allowOrigins
      allowMethods
      allowHeaders
      exposeHeaders
      allowCredentials
      maxAgeSeconds
    }
    mode
    url
    createdAt
    updatedAt
  }
`;

export const createRoute = operation<{ createHttpTrigger: RouteNode }, { input: object }>(/* GraphQL */ `
  mutation CreateRoute($input: CreateHttpTriggerInput!) {
    createHttpTrigger(input: $input) {
      ...RouteFields
    }
  }
  ${fields}
`);

export const updateRoute = operation<{ updateHttpTrigger: RouteNode }, { input: object }>(/* GraphQL */ `
  mutation UpdateRoute($input: UpdateHttpTriggerInput!) {
    updateHttpTrigger(input: $input) {
      ...RouteFields
    }
  }
  ${fields}
`);

export const enableRoute = operation<{ setTriggerEnabled: RouteNode }, { id: string; enabled: boolean }>(/* GraphQL */ `
  mutation EnableRoute($id: ID!, $enabled: Boolean!) {
    setTriggerEnabled(id: $id, enabled: $enabled) {
      ...RouteFields
    }
  }
  ${fields}
`);

export const deleteRoute = operation<{ deleteTrigger: RouteNode }, { id: string }>(/* GraphQL */ `
  mutation DeleteRoute($id: ID!) {
    deleteTrigger(id: $id) {
      ...RouteFields
    }
  }
  ${fields}
`);

export const getRoute: GetTrigger<RouteNode> = operation(/* GraphQL */ `
  query Route($id: ID!) {
    trigger(id: $id) {
      ...RouteFields
    }
  }
  ${fields}
`);

export const listRoutes: ListTriggers<RouteNode> = operation(/* GraphQL */ `
  query Routes($namespace: String, $function: String, $first: Int!, $after: String) {
    triggers(namespace: $namespace, function: $function, kind: HTTP, first: $first, after: $after) {
      nodes {
        ...RouteFields
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
  ${fields}
`);
