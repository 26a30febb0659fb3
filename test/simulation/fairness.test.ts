/** However many requests of one function there are and however long they take, others are served as if they were not. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { aFunction, anEnvironment } from "../unit/poolmgr/support/builders.js";
import type { Outcome } from "./support/requests.js";
import { World, type Setup } from "./support/world.js";

const startMs = 200;
const loadMs = 10;
const driver = { startDelayMs: startMs, specializeDelayMs: loadMs };
/** A start, the code, and what messages take. */
const coldMs = startMs + loadMs + 20;
const waited = ({ begunMs = Infinity, arrivedMs }: Outcome): number => begunMs - arrivedMs;
const count = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });

/** Sends one request after another, each so long after the last one's answer. */
async function oneByOne(world: World, functionIds: readonly string[], pausesMs: readonly number[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const [index, pauseMs] of pausesMs.entries()) {
    await world.pass(pauseMs);
    const [sent] = world.send(functionIds[index % functionIds.length]!, 5);
    void sent!.then((outcome) => outcomes.push(outcome));
    await world.pass(2 * coldMs);
  }
  return outcomes;
}

/** Called one by one, each is answered by the time a cold start takes. */
async function expectNobodyWaits(world: World, functionIds: readonly string[], pausesMs: readonly number[]) {
  const outcomes = await oneByOne(world, functionIds, pausesMs);
  expect(outcomes).toHaveLength(pausesMs.length);
  for (const outcome of outcomes) expect(waited(outcome)).toBeLessThanOrEqual(coldMs);
}

const rarely = fc.array(count(1, 3_000), { minLength: 4, maxLength: 8 });

describe("Functions that share a machine", () => {
  it("wait for one whose requests take long for no longer than an instance takes to start", async () => {
    const slow = fc.record({ callers: count(1, 60), workMs: count(1_000, 50_000), requestsPerInstance: count(1, 4) });
    await fc.assert(
      fc.asyncProperty(slow, count(2, 12), count(0, 4), rarely, async (how, maxInstances, poolSize, pausesMs) => {
        const setup: Setup = {
          ...{ environments: [anEnvironment({ poolSize })], maxInstances, driver },
          functions: [
            aFunction({ id: "slow", settings: { requestsPerInstance: how.requestsPerInstance } }),
            ...["a", "b"].map((id) => aFunction({ id })),
          ],
        };
        const broken = await World.run(setup, async (world) => {
          world.keepSending("slow", how.callers, 1e6, () => ({ workMs: how.workMs }));
          await world.pass(1_000);
          await expectNobodyWaits(world, ["a", "b"], pausesMs);
        });
        expect(broken).toEqual([]);
      }),
      { numRuns: 8 },
    );
  }, 120_000);

  it("are served while another environment's pool gives no instance, whatever waits for that", async () => {
    const hopeless = fc.array(count(1, 30), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(hopeless, count(2, 8), count(0, 2), rarely, async (burst, maxInstances, poolSize, pausesMs) => {
        const ids = burst.map((_, index) => `hopeless${index}`);
        const setup: Setup = {
          environments: [anEnvironment({ id: "empty", poolSize }), anEnvironment({ poolSize: 2 })],
          functions: [
            ...ids.map((id) => aFunction({ id, environmentId: "empty", settings: { timeoutSeconds: 600 } })),
            ...["a", "b"].map((id) => aFunction({ id })),
          ],
          maxInstances,
          driver: { ...driver, startDelayMs: ({ id }) => (id === "empty" ? 1e9 : startMs) },
        };
        const broken = await World.run(setup, async (world) => {
          for (const [index, id] of ids.entries()) void world.send(id, 5, { count: burst[index]! });
          // Until launches count as stalled.
          await world.pass(6_000);
          await expectNobodyWaits(world, ["a", "b"], pausesMs);
        });
        expect(broken).toEqual([]);
      }),
      { numRuns: 8 },
    );
  }, 120_000);

  it("get every second instance of their common pool, however many another one waits for", async () => {
    const gapsMs = count(20, 300);
    await fc.assert(
      fc.asyncProperty(count(5, 60), gapsMs, count(0, 3), async (burst, everyMs, poolSize) => {
        let started = 0;
        const setup: Setup = {
          environments: [anEnvironment({ poolSize })],
          functions: ["many", "a"].map((id) => aFunction({ id, settings: { timeoutSeconds: 600 } })),
          // One after another, as on a machine with few cores.
          driver: { startDelayMs: () => everyMs * ++started },
        };
        const broken = await World.run(setup, async (world) => {
          await world.pass(everyMs * poolSize);
          started = 0;
          void world.send("many", 1e6, { count: burst });
          await world.pass(everyMs / 2);
          void world.send("a", 5);
          await world.pass(3 * everyMs);
          expect(world.outcomes).toMatchObject([{ functionId: "a", result: "SERVED" }]);
        });
        expect(broken).toEqual([]);
      }),
      { numRuns: 10 },
    );
  }, 120_000);

  it("are served by any router, whichever holds the slots that nobody uses", async () => {
    const latencyMs = 2;
    const order = fc.array(count(0, 2), { minLength: 5, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(order, count(1, 3), async (routers, requestsPerInstance) => {
        const functions = [aFunction({ settings: { requestsPerInstance, maxInstances: 1 } })];
        const setup: Setup = { environments: [anEnvironment()], functions, routers: 3, latencyMs };
        const broken = await World.run(setup, async (world) => {
          await world.pass(100);
          void world.send("fn", 5);
          await world.pass(100);
          for (const router of routers) {
            void world.send("fn", 5, { router });
            await world.pass(30, 30);
          }
          // The slot is asked for, asked back, given back and granted.
          for (const outcome of world.outcomes.slice(1)) expect(waited(outcome)).toBeLessThanOrEqual(4 * latencyMs);
          expect(world.outcomes).toHaveLength(routers.length + 1);
        });
        expect(broken).toEqual([]);
      }),
      { numRuns: 10 },
    );
  }, 120_000);
});
