/** Which pools there should be, and how large: pure. */
import { templateOf } from "../cluster/instance-template.js";
import type { Environment } from "../model/environment.js";

export interface PoolPlan {
  /** As the driver is to keep them; `poolSize` may be below the environment's where the machine's bound leaves no room. */
  readonly ensure: readonly Environment[];
  readonly remove: readonly string[];
}

/**
 * `ensured` is what the driver was last told. Warm instances count towards the machine's bound, but give way to claimed
 * ones: what is left is dealt out one by one, so that no environment goes without while another has two.
 */
export function planPools(
  desired: readonly Environment[],
  ensured: ReadonlyMap<string, Environment>,
  roomForWarm: number,
): PoolPlan {
  const sizes = dealOut(desired, roomForWarm);
  const wanted = desired.map((environment, index) => ({ ...environment, poolSize: sizes[index] ?? 0 }));
  const ids = new Set(desired.map(({ id }) => id));
  return {
    ensure: wanted.filter((environment) => !isSamePool(environment, ensured.get(environment.id))),
    remove: [...ensured.keys()].filter((id) => !ids.has(id)),
  };
}

function isSamePool(a: Environment, b: Environment | undefined): boolean {
  return b !== undefined && a.poolSize === b.poolSize && a.revision === b.revision && templateOf(a) === templateOf(b);
}

function dealOut(environments: readonly Environment[], room: number): number[] {
  const sizes = environments.map(() => 0);
  const total = environments.reduce((sum, { poolSize }) => sum + poolSize, 0);
  if (total <= room) return environments.map(({ poolSize }) => poolSize);
  for (let left = Math.max(0, room), round = 1; left > 0; round++) {
    for (const [index, { poolSize }] of environments.entries()) {
      if (poolSize < round || left === 0) continue;
      sizes[index] = round;
      left--;
    }
  }
  return sizes;
}
