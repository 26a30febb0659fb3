import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { AppError } from "../../../src/errors/app-error.js";
import { aFunction, anEnvironment } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { FakeRouter } from "./support/fake-router.js";
import { Stage } from "./support/stage.js";

/** Virtual time, random requests, service times, crashes, updates, routers that come and go. */
type Step =
  | { readonly do: "request"; readonly router: number; readonly fn: number; readonly count: number }
  | { readonly do: "finish"; readonly router: number; readonly nth: number; readonly count: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "crash" | "suspect"; readonly nth: number }
  | { readonly do: "update"; readonly fn: number }
  | { readonly do: "settings"; readonly fn: number; readonly requestsPerInstance: number }
  | { readonly do: "failLoads"; readonly isFailing: boolean }
  | { readonly do: "reopen"; readonly router: number }
  | { readonly do: "giveUp"; readonly router: number; readonly fn: number };

const small = fc.integer({ min: 0, max: 2 });
const nth = fc.integer({ min: 0, max: 20 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("request" as const), router: small, fn: small, count: nth }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("finish" as const), router: small, nth, count: nth }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 4_000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("crash" as const, "suspect" as const), nth }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("update" as const), fn: small }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("settings" as const),
      fn: small,
      requestsPerInstance: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("failLoads" as const), isFailing: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const), router: small }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("giveUp" as const), router: small, fn: small }) },
);

const maxInstances = 7;
const maxOfFunction = 4;

const claimedOf = (stage: Stage): number =>
  ["SPECIALIZING", "READY", "DRAINING"].reduce((sum, state) => sum + stage.count(state), 0);

class Simulation {
  readonly routers: FakeRouter[];
  readonly functions = [0, 1, 2].map((index) =>
    aFunction({
      id: `fn${index}`,
      settings: {
        requestsPerInstance: 1 + 2 * index,
        maxInstances: maxOfFunction,
        minInstances: index === 2 ? 1 : 0,
        idleTimeoutSeconds: 2,
      },
    }),
  );
  /** Requests at a time that each runtime was told. */
  readonly #limits = new Map<string, number>();

  #haveLoadsFailed = false;

  constructor(readonly stage: Stage) {
    this.routers = [stage.router, this.#router(), this.#router()];
  }

  async begin(): Promise<void> {
    await this.stage.change([...this.functions]);
    for (const router of this.routers.slice(1)) router.open();
    await settled();
  }

  async take(step: Step): Promise<void> {
    await this.#do(step);
    await settled();
    this.check();
  }

  check(): void {
    for (const { key, requestsPerInstance } of this.stage.driver.specializations)
      this.#limits.set(key, requestsPerInstance);
    const inFlight = new Map<string, number>();
    for (const router of this.routers) {
      for (const { granted, inFlight: count } of router.instances.values()) {
        inFlight.set(granted.key, (inFlight.get(granted.key) ?? 0) + count);
      }
    }
    for (const [key, count] of inFlight) expect(count).toBeLessThanOrEqual(this.#limits.get(key) ?? 0);
    expect(claimedOf(this.stage)).toBeLessThanOrEqual(maxInstances);
    for (const { id, currentVersionNumber } of this.functions) {
      const serving = this.stage.manager.view
        .instancesOf(id)
        .filter(({ state, functionVersion }) => state !== "DRAINING" && functionVersion === currentVersionNumber);
      expect(serving.length).toBeLessThanOrEqual(maxOfFunction);
    }
  }

  /** Lets everything that is possible happen: requests end soon after they begin. */
  async quiesce(): Promise<void> {
    this.stage.driver.failSpecializations(null);
    // Code that did not load is tried again after five minutes at most.
    await this.stage.clock.pass(this.#haveLoadsFailed ? 320_000 : 35_000);
    for (let round = 0; round < 60; round++) {
      await this.stage.clock.pass(500);
      for (const router of this.routers) {
        router.finishAll();
        router.report();
      }
      await settled();
      this.check();
    }
  }

  waiting(): number {
    return this.routers.flatMap((router) => [...router.waiting.values()]).reduce((sum, count) => sum + count, 0);
  }

  #router(): FakeRouter {
    return new FakeRouter(this.stage.manager.hub, this.stage.clock);
  }

  #do(step: Step): Promise<void> | void {
    const { stage } = this;
    switch (step.do) {
      case "request":
        return this.routers[step.router]?.request(...this.#target(step.fn), step.count);
      case "giveUp":
        return this.routers[step.router]?.giveUp(...this.#target(step.fn));
      case "finish": {
        const router = this.routers[step.router];
        const ids = [...(router?.instances.keys() ?? [])];
        router?.finish(ids[step.nth % Math.max(1, ids.length)] ?? "", step.count);
        return router?.report();
      }
      case "pass":
        return stage.clock.pass(step.ms);
      case "crash":
      case "suspect":
        return this.#break(step.do, step.nth);
      case "update":
        return this.#change(step.fn, { currentVersionNumber: this.functions[step.fn]!.currentVersionNumber + 1 });
      case "settings":
        return this.#change(step.fn, {
          settings: { ...this.functions[step.fn]!.settings, requestsPerInstance: step.requestsPerInstance },
        });
      case "failLoads":
        this.#haveLoadsFailed ||= step.isFailing;
        return stage.driver.failSpecializations(step.isFailing ? new AppError("LOAD_FAILED", "no") : null);
      case "reopen": {
        this.routers[step.router]?.close();
        const router = this.#router();
        this.routers[step.router] = router;
        return router.open();
      }
      default:
        return step satisfies never;
    }
  }

  #target(index: number): [string, number] {
    const fn = this.functions[index]!;
    return [fn.id, fn.currentVersionNumber];
  }

  #break(how: "crash" | "suspect", index: number): void {
    const ready = this.functions.flatMap(({ id }) => this.stage.instances(id));
    const instanceId = ready[index % Math.max(1, ready.length)] ?? "";
    if (how === "crash") this.stage.driver.crash(instanceId);
    else this.routers[0]?.send({ type: "SUSPECT", instanceId, reason: "TIMED_OUT" });
  }

  #change(index: number, change: Partial<ReturnType<typeof aFunction>>): Promise<void> {
    const before = this.functions[index]!;
    this.functions[index] = { ...before, revision: before.revision + 1, ...change };
    return this.stage.change([...this.functions]);
  }
}

const start = async (): Promise<Simulation> => {
  const driver = { startDelayMs: 30, specializeDelayMs: 5 };
  const stage = await Stage.up({ environments: [anEnvironment({ poolSize: 2 })], functions: [], maxInstances, driver });
  const simulation = new Simulation(stage);
  await simulation.begin();
  return simulation;
};

describe("PoolManager, in a simulation", () => {
  it("never overfills an instance, never exceeds a bound, and loses neither slot nor request", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const simulation = await start();
        try {
          for (const next of steps) await simulation.take(next);
          await simulation.quiesce();
          expect(simulation.waiting()).toBe(0);
          // Whatever is left serves: every slot of it is some router's.
          for (const { id, settings } of simulation.functions) {
            const ready = simulation.stage.manager.view.instancesOf(id).filter(({ state }) => state === "READY");
            const granted = simulation.routers.reduce((sum, router) => sum + router.slots(id), 0);
            expect(granted).toBeLessThanOrEqual(ready.length * 6);
            expect(granted).toBeGreaterThanOrEqual(ready.length * Math.min(1, settings.requestsPerInstance));
          }
        } finally {
          for (const router of simulation.routers) router.close();
          await simulation.stage.down();
        }
      }),
      { numRuns: 25 },
    );
  }, 120_000);

  it("serves everybody in bounded time beside minInstances that there is no room for", async () => {
    const counts = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 5, maxLength: 5 });
    const round = fc.record({ ms: fc.integer({ min: 20, max: 300 }), counts, isIdle: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 20, maxLength: 60 }), fc.integer({ min: 1, max: 5 }), serveBeside),
      { numRuns: 25 },
    );
  }, 120_000);
});

interface Round {
  readonly ms: number;
  /** New requests, by function; the first has none. */
  readonly counts: readonly number[];
  /** Nobody calls meanwhile. */
  readonly isIdle: boolean;
}

/** The first function wants to keep more instances than there may be in all; the others have callers now and then, or always. */
async function serveBeside(rounds: readonly Round[], bound: number): Promise<void> {
  const settings = { minInstances: 10, requestsPerInstance: 2 };
  const functions = [0, 1, 2, 3, 4, 5].map((index) =>
    aFunction({ id: `fn${index}`, settings: index === 0 ? settings : { minInstances: index === 1 ? 1 : 0 } }),
  );
  const driver = { startDelayMs: 30, specializeDelayMs: 5 };
  const stage = await Stage.up({ environments: [anEnvironment()], functions, maxInstances: bound, driver });
  const starvation = new Starvation(stage);
  try {
    for (const { ms, counts, isIdle } of rounds) {
      const callers = isIdle ? [] : functions.slice(1);
      for (const [index, { id }] of callers.entries()) stage.router.request(id, 1, counts[index] ?? 0);
      await stage.clock.pass(ms);
      expect(claimedOf(stage)).toBeLessThanOrEqual(bound);
      // Turns of all other functions, each until what is in flight has ended.
      for (const { id } of functions) expect(starvation.lastsMs(id)).toBeLessThan(8_000);
      for (const id of [...stage.router.instances.keys()]) stage.router.finish(id, 2);
      stage.router.report();
      await settled();
    }
    expect(stage.router.refused).toEqual([]);
    expect(stage.router.failed).toBe(0);
  } finally {
    await stage.down();
  }
}

/** For how long functions have had callers of whom none is served. */
class Starvation {
  readonly #sinceMs = new Map<string, number>();

  constructor(private readonly stage: Stage) {}

  lastsMs(functionId: string): number {
    const { router, clock } = this.stage;
    const isStarved = (router.waiting.get(`${functionId}@1`) ?? 0) > 0 && router.inFlight(functionId) === 0;
    if (!isStarved) this.#sinceMs.delete(functionId);
    else if (!this.#sinceMs.has(functionId)) this.#sinceMs.set(functionId, clock.monotonicMs());
    return clock.monotonicMs() - (this.#sinceMs.get(functionId) ?? clock.monotonicMs());
  }
}
