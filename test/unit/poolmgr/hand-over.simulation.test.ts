import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { aFunction, anEnvironment } from "./support/builders.js";
import { FakeRouter } from "./support/fake-router.js";
import { Stage } from "./support/stage.js";

/** Virtual time, a network that takes its time and breaks, routers that come back, and one pool manager after another. */
type Step =
  | { readonly do: "request"; readonly router: number; readonly fn: number; readonly count: number }
  | { readonly do: "finish"; readonly router: number; readonly nth: number; readonly count: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "report"; readonly router: number }
  | { readonly do: "cut" }
  | { readonly do: "kill" | "handOver"; readonly afterMs: number };

const small = fc.integer({ min: 0, max: 2 });
const count = fc.integer({ min: 0, max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 7, arbitrary: fc.record({ do: fc.constant("request" as const), router: small, fn: small, count }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("finish" as const), router: small, nth: count, count }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 5_000 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("report" as const), router: small }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("kill" as const, "handOver" as const),
      afterMs: fc.integer({ min: 0, max: 15_000 }),
    }),
  },
);

/** A router tries again after at most so long. */
const comesBackAfterMs = 1_000;
/** Reports, as a router makes them, are under way at most so long; and so is what answers them. */
const quietMs = 60_000;

class Simulation {
  readonly routers: FakeRouter[] = [];
  readonly #limits = new Map<string, number>();
  #retries = 0;

  private constructor(public stage: Stage) {}

  static async begin(): Promise<Simulation> {
    const functions = [0, 1, 2].map((index) =>
      aFunction({
        id: `fn${index}`,
        settings: { requestsPerInstance: 1 + 2 * index, maxInstances: 1 + index, idleTimeoutSeconds: 3 },
      }),
    );
    const stage = await Stage.up({
      environments: [anEnvironment({ poolSize: 2 })],
      functions,
      driver: { outlivesProcess: true, startDelayMs: 30, specializeDelayMs: 5 },
    });
    stage.router.close();
    // Several steps: what one side says crosses what the other one does.
    stage.network.latencyMs = 4;
    const simulation = new Simulation(stage);
    for (let i = 0; i < 3; i++) simulation.#join();
    await stage.clock.pass(30);
    return simulation;
  }

  async take(next: Step): Promise<void> {
    await this.#do(next);
    await this.stage.clock.pass(1);
    this.check();
  }

  /** No instance has more requests than its runtime was told to take, and none was lost under its requests. */
  check(): void {
    for (const { key, requestsPerInstance } of this.stage.driver.specializations) {
      this.#limits.set(key, requestsPerInstance);
    }
    const inFlight = new Map<string, number>();
    for (const router of this.routers) {
      expect(router.failed).toBe(0);
      for (const { granted, inFlight: used } of router.instances.values()) {
        inFlight.set(granted.key, (inFlight.get(granted.key) ?? 0) + used);
      }
    }
    for (const [key, used] of inFlight) expect(used).toBeLessThanOrEqual(this.#limits.get(key) ?? 0);
  }

  /** Requests end soon after they begin, until nobody waits. */
  async quiesce(): Promise<void> {
    for (let passedMs = 0; passedMs < quietMs; passedMs += 500) {
      await this.stage.clock.pass(500);
      for (const router of this.routers) {
        router.finishAll();
        router.report();
      }
      this.check();
    }
    expect(this.routers.map((router) => [...router.waiting.values()].reduce((sum, one) => sum + one, 0))).toEqual([
      0, 0, 0,
    ]);
  }

  async end(): Promise<void> {
    for (const router of this.routers) {
      router.onLost = () => {};
      router.close();
    }
    await this.stage.down();
  }

  #join(): void {
    const { network, clock } = this.stage;
    const router = new FakeRouter(network, clock);
    router.onLost = () => {
      // Each at a time of its own.
      this.#retries++;
      clock.after(50 + ((this.#retries * 337) % (comesBackAfterMs - 50)), () => router.open());
    };
    this.routers.push(router);
    router.open();
  }

  async #do(next: Step): Promise<void> {
    const { stage } = this;
    switch (next.do) {
      case "request": {
        this.routers[next.router]?.request(`fn${next.fn}`, 1, next.count);
        return;
      }
      case "finish": {
        const router = this.routers[next.router];
        const ids = [...(router?.instances.keys() ?? [])];
        router?.finish(ids[next.nth % Math.max(1, ids.length)] ?? "", next.count);
        return;
      }
      case "report": {
        this.routers[next.router]?.report();
        return;
      }
      case "pass":
        return stage.clock.pass(next.ms);
      case "cut": {
        stage.network.cut();
        return;
      }
      case "kill": {
        stage.network.hub = undefined;
        stage.network.cut();
        await stage.manager.abandon();
        return this.#succeed(next.afterMs);
      }
      case "handOver": {
        await Promise.all([stage.manager.stop(), stage.clock.pass(6_000)]);
        return this.#succeed(next.afterMs);
      }
      default:
        return next satisfies never;
    }
  }

  async #succeed(afterMs: number): Promise<void> {
    await this.stage.clock.pass(afterMs);
    this.stage = await Stage.succeed(this.stage);
  }
}

describe("Pool managers one after another, in a simulation", () => {
  it("overfill no instance, end none under its requests, and serve whoever waits", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const simulation = await Simulation.begin();
        try {
          for (const next of steps) await simulation.take(next);
          await simulation.quiesce();
        } finally {
          await simulation.end();
        }
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});
