import fc from "fast-check";
import type { FunctionSpec } from "../../../src/model/function.js";
import { aFunction, anEnvironment } from "../../unit/poolmgr/support/builders.js";
import type { Setup, World } from "./world.js";

/** What a run is made of; all that is random in it follows from `seed`. */
export interface Workload {
  readonly setup: Setup;
  readonly events: readonly Event[];
  readonly seed: number;
}

type Event =
  | { readonly do: "requests"; readonly fn: number; readonly router: number; readonly count: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "crash"; readonly nth: number }
  | { readonly do: "break" | "mend"; readonly environment: number };

const int = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });

const aFunctionOf = (index: number, environments: number): fc.Arbitrary<FunctionSpec> =>
  fc
    .record({
      environment: int(0, environments - 1),
      requestsPerInstance: fc.oneof(fc.constant(1), int(2, 8)),
      maxInstances: int(1, 8),
      idleTimeoutSeconds: int(1, 5),
      timeoutSeconds: int(5, 20),
    })
    .map(({ environment, ...settings }) =>
      aFunction({ id: `fn${index}`, environmentId: `env${environment}`, settings }),
    );

const setups: fc.Arbitrary<Setup> = int(1, 2).chain((environments) =>
  fc.record({
    environments: fc
      .tuple(...Array.from({ length: environments }, () => int(0, 3)))
      .map((sizes) =>
        sizes.map((poolSize, index) => anEnvironment({ id: `env${index}`, name: `env${index}`, poolSize })),
      ),
    functions: fc.tuple(...[0, 1, 2, 3].map((index) => aFunctionOf(index, environments))),
    maxInstances: fc.oneof(fc.constant(Infinity), int(2, 12)),
    routers: int(1, 3),
    latencyMs: int(0, 2),
    maxWaiting: int(5, 60),
  }),
);

const requests = fc.record({
  do: fc.constant("requests" as const),
  fn: int(0, 3),
  router: int(0, 2),
  count: int(1, 25),
});
const pass = fc.record({ do: fc.constant("pass" as const), ms: fc.oneof(int(1, 50), int(100, 3_000)) });
const crash = fc.record({ do: fc.constant("crash" as const), nth: int(0, 30) });
const pool = fc.record({ do: fc.constantFrom("break" as const, "mend" as const), environment: int(0, 1) });

export const workloads = ({ withFaults }: { withFaults: boolean }): fc.Arbitrary<Workload> =>
  fc.record({
    setup: setups,
    events: fc.array(
      fc.oneof(
        { weight: 8, arbitrary: requests },
        { weight: 5, arbitrary: pass },
        ...(withFaults
          ? [
              { weight: 2, arbitrary: crash },
              { weight: 1, arbitrary: pool },
            ]
          : []),
      ),
      { minLength: 20, maxLength: 60, size: "max" },
    ),
    seed: fc.nat(),
  });

/** Mulberry32: numbers from 0 to 1, the same ones for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Starts take 50 to 1,050 ms, specializations up to 50; setups as they are to be run. */
export function withDelays(setup: Setup, random: () => number): Setup {
  return { ...setup, driver: { startDelayMs: () => 50 + 1_000 * random(), specializeDelayMs: () => 50 * random() } };
}

/** Most requests are short, some take long; each function has a pace of its own. */
const workMs = (fn: number, random: () => number): number => Math.ceil(10 ** (random() * 2.5) * (fn + 1));

/** Plays the events; every request that was sent has ended then. */
export async function play(world: World, { setup, events }: Workload, random: () => number): Promise<void> {
  const { routers = 1, functions, environments } = setup;
  for (const event of events) {
    if (event.do === "pass") await world.pass(event.ms);
    else if (event.do === "crash") world.crash(event.nth);
    else if (event.do === "requests") {
      const { id } = functions[event.fn]!;
      for (let i = 0; i < event.count; i++)
        void world.send(id, workMs(event.fn, random), { router: event.router % routers });
    } else {
      const { id } = environments[event.environment % environments.length]!;
      world.stage.driver.breakPool(id, event.do === "break" ? "no such image" : null);
    }
  }
  for (const { id } of environments) world.stage.driver.breakPool(id, null);
  await world.quiesce();
}
