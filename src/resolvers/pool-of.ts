import type { Environment } from "../model/environment.js";
import type { Pool } from "../model/instance.js";
import type { PoolView } from "../model/pool-view.js";
import type { Loaders } from "./loaders.js";

/** The environment's pool; an empty one where the pool manager has not heard of it yet, or no longer knows it. */
export const poolOf = (view: PoolView, environmentId: string): Pool =>
  view.pools().find((pool) => pool.environmentId === environmentId) ?? {
    environmentId,
    warm: 0,
    starting: 0,
    specialized: 0,
    problem: null,
    instances: [],
  };

/** All pools whose environment is still kept, in the order of its namespace and name. */
export async function poolsOf(
  view: PoolView,
  environments: Loaders["environments"],
  namespace: string | null | undefined,
): Promise<Pool[]> {
  const found = await Promise.all(
    view.pools().map(async (pool) => ({ pool, environment: await environments.load(pool.environmentId) })),
  );
  return found
    .flatMap(({ pool, environment }) => (environment === undefined ? [] : [{ pool, environment }]))
    .filter(({ environment }) => !namespace || environment.namespace === namespace)
    .sort((a, b) => (orderKey(a.environment) < orderKey(b.environment) ? -1 : 1))
    .map(({ pool }) => pool);
}

/** A space sorts below all that a label is made of. */
const orderKey = ({ namespace, name }: Environment): string => `${namespace} ${name}`;
