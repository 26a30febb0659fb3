import { operation } from "../graphql-client.js";

export interface PoolNode {
  readonly environment: { readonly namespace: string; readonly name: string; readonly poolSize: number };
  readonly warm: number;
  readonly starting: number;
  readonly specialized: number;
  readonly problem: string | null;
}

export const listPools = operation<{ pools: readonly PoolNode[] }, { namespace: string | null }>(/* GraphQL */ `
  query Pools($namespace: String) {
    pools(namespace: $namespace) {
      environment {
        namespace
        name
        poolSize
      }
      warm
      starting
      specialized
      problem
      instances {
        id
        state
        problem
        address
        function {
          namespace
          name
        }
        functionVersion
        inFlight
        startedAt
        lastUsedAt
      }
    }
  }
`);

export const getServer = operation<{ server: { readonly version: string } }>(/* GraphQL */ `
  query Server {
    server {
      version
      cluster
      store
      routerUrl
      startedAt
    }
  }
`);

export interface CheckNode {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
}

export const getChecks = operation<{ server: { readonly checks: readonly CheckNode[] } }>(/* GraphQL */ `
  query Checks {
    server {
      checks {
        name
        ok
        message
      }
    }
  }
`);
