/** Slots of a function that has all the instances it may have go from one router to another as soon as they are free. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { aFunction, anEnvironment } from "../unit/poolmgr/support/builders.js";
import type { Outcome } from "./support/requests.js";
import { World } from "./support/world.js";

const functionId = "shared";
const int = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
const driver = { startDelayMs: 100, specializeDelayMs: 10 };

const cases = fc.record({
  routers: int(2, 3),
  latencyMs: int(0, 2),
  requestsPerInstance: int(1, 3),
  maxInstances: int(1, 3),
  /** What the first router's requests take, as many of them as there are slots. */
  worksMs: fc.array(int(1, 600), { minLength: 9, maxLength: 9 }),
  /** Until these come, and until the last router's one does: at any moment of a turn, and of what is told now and then. */
  pauseMs: int(0, 400),
  laterMs: int(1, 500),
});

/** All slots are used at the first router, then the last one gets a request; what became of each. */
async function contend(world: World, slots: number, how: { worksMs: number[]; pauseMs: number; laterMs: number }) {
  const last = world.routers.length - 1;
  void world.send(functionId, 50, { count: slots });
  await world.quiesce();
  await world.pass(how.pauseMs);
  const first = how.worksMs.slice(0, slots).flatMap((workMs) => world.send(functionId, workMs));
  await world.pass(how.laterMs);
  const [request] = world.send(functionId, 5, { router: last });
  await world.quiesce();
  return { first: await Promise.all(first), request: await request! };
}

/** When the first slot came free that the request could have had. */
const freeAtMs = (first: readonly Outcome[], { arrivedMs }: Outcome): number =>
  Math.min(...first.map(({ endedMs }) => Math.max(endedMs, arrivedMs)));

describe("A slot that comes free at one router", () => {
  it("is at once that one's whose requests wait", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ routers, latencyMs, requestsPerInstance, maxInstances, ...how }) => {
        const settings = { requestsPerInstance, maxInstances, idleTimeoutSeconds: 60 };
        const functions = [aFunction({ id: functionId, settings })];
        const setup = { environments: [anEnvironment({ poolSize: 1 })], functions, routers, latencyMs, driver };
        const broken = await World.run(setup, async (world) => {
          const { first, request } = await contend(world, requestsPerInstance * maxInstances, how);
          // The demand, a recall, what answers it, and the grant; and once more where another slot was called back.
          const messages = 6 * latencyMs;
          expect(request.begunMs! - freeAtMs(first, request)).toBeLessThanOrEqual(messages);
        });
        expect(broken).toEqual([]);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
