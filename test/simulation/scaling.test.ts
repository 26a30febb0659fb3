/** How many instances a function has: as many as it needs at once, no more than it uses, and fewer by and by. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { aFunction, anEnvironment } from "../unit/poolmgr/support/builders.js";
import { randomOf } from "./support/workload.js";
import { World, type Setup } from "./support/world.js";

const startMs = 400;
const loadMs = 20;
const count = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const setUp = (settings: Parameters<typeof aFunction>[0] & object, poolSize: number): Setup => ({
  environments: [anEnvironment({ poolSize })],
  functions: [aFunction(settings)],
  driver: { startDelayMs: startMs, specializeDelayMs: loadMs },
});
const instancesFor = (callers: number, requestsPerInstance: number): number => Math.ceil(callers / requestsPerInstance);

describe("Instances of a function, in virtual time", () => {
  it("are started all at once for those who wait, of whom nobody waits for longer than one start", async () => {
    await fc.assert(
      fc.asyncProperty(count(1, 300), count(1, 20), count(0, 4), async (callers, requestsPerInstance, poolSize) => {
        const setup = setUp({ settings: { requestsPerInstance, maxInstances: 1_000 } }, poolSize);
        const broken = await World.run(setup, async (world) => {
          await world.pass(1_000);
          void world.send("fn", 5_000, { count: callers });
          await world.pass(startMs + loadMs + 1);
          expect(world.runtimes.inFlight).toBe(callers);
          expect(world.serving("fn")).toBe(instancesFor(callers, requestsPerInstance));
          await world.quiesce();
        });
        expect(broken).toEqual([]);
      }),
      { numRuns: 12 },
    );
  }, 120_000);

  it("are few that are kept busy, the most recently used ones, and the others go", async () => {
    const idleTimeoutSeconds = 5;
    const callers = fc.record({ many: count(10, 60), few: count(1, 9), requestsPerInstance: count(1, 8) });
    await fc.assert(
      fc.asyncProperty(callers, fc.nat(), async ({ many, few, requestsPerInstance }, seed) => {
        const setup = setUp({ settings: { requestsPerInstance, idleTimeoutSeconds } }, 2);
        const random = randomOf(seed);
        const next = (): { workMs: number } => ({ workMs: 20 + 200 * random() });
        const broken = await World.run(setup, async (world) => {
          world.keepSending("fn", many, 3_000, next);
          await world.pass(4_000);
          const [before, needed] = [many, few].map((each) => instancesFor(each, requestsPerInstance));
          expect(world.serving("fn")).toBe(before);
          world.keepSending("fn", few, 40_000, next);
          // Whatever has free slots from before is filled up first.
          await world.pass(1_000);
          world.runtimes.takeServed("fn");
          await world.pass(10_000);
          const busy = world.runtimes.takeServed("fn").filter((served) => served > 0);
          expect(busy.length).toBeLessThanOrEqual(needed!);
          // A quarter at a time.
          await world.pass(20_000);
          expect(world.serving("fn")).toBe(needed);
          await world.quiesce();
        });
        expect(broken).toEqual([]);
      }),
      { numRuns: 8 },
    );
  }, 120_000);

  it("go gradually: the idlest first, a quarter in a second at most, down to minInstances", async () => {
    const idleMs = 3_000;
    await fc.assert(
      fc.asyncProperty(count(1, 100), count(0, 10), async (callers, minInstances) => {
        const setup = setUp({ settings: { idleTimeoutSeconds: idleMs / 1_000, minInstances } }, 2);
        const broken = await World.run(setup, async (world) => {
          await world.pass(2_000);
          // For longer than instances take to start, so that none is called off.
          void world.send("fn", 1_000, { count: callers });
          await world.pass(idleMs);
          let serving = world.serving("fn");
          expect(serving).toBe(Math.max(callers, minInstances));
          for (let seconds = 0; seconds < 30 && serving > minInstances; seconds++) {
            await world.pass(1_000, 1_000);
            const left = world.serving("fn");
            expect(left).toBeGreaterThanOrEqual(Math.max(minInstances, serving - Math.ceil(serving / 4)));
            serving = left;
          }
          expect(serving).toBe(minInstances);
        });
        expect(broken).toEqual([]);
      }),
      { numRuns: 8 },
    );
  }, 120_000);
});
