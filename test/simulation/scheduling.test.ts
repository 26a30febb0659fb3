/** Requests of several functions at several routers, in virtual time, against the rules of scheduling. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Outcome } from "./support/requests.js";
import { play, randomOf, withDelays, workloads, type Workload } from "./support/workload.js";
import { World } from "./support/world.js";

/** Runs a workload; what became of each request, and which rules were broken. */
async function run(workload: Workload): Promise<{ outcomes: Outcome[]; broken: string[] }> {
  const { setup, seed } = workload;
  const random = randomOf(seed);
  let outcomes: Outcome[] = [];
  const broken = await World.run(withDelays(setup, random), async (world) => {
    await play(world, workload, random);
    outcomes = world.outcomes;
    // Every slot of what is there is some router's to use, and all goes when nobody uses it.
    await world.pass(100);
    for (const { id, settings } of setup.functions) {
      expect(world.freeSlots(id)).toBe(world.serving(id) * settings.requestsPerInstance);
    }
    await world.pass(20_000, 1_000);
    expect(world.claimed).toBe(0);
  });
  return { outcomes, broken };
}

/** Nobody waits for longer than the time limit, nor is refused before it but where the line is full. */
function badAnswers(outcomes: readonly Outcome[], { maxWaiting = 0 }: Workload["setup"]): Outcome[] {
  return outcomes.filter(({ result, ahead, arrivedMs, begunMs, endedMs, timeoutMs, retryAfterSeconds = 0 }) => {
    if ((begunMs ?? endedMs) - arrivedMs > timeoutMs) return true;
    if (result !== "QUEUE_FULL") return false;
    const isAtOnce = endedMs === arrivedMs;
    return retryAfterSeconds < 1 || isAtOnce !== ahead >= maxWaiting || (!isAtOnce && endedMs - arrivedMs < timeoutMs);
  });
}

describe("Scheduling, in virtual time", () => {
  it("loses and doubles no slot, keeps every bound, and serves or refuses everybody in order and in time", async () => {
    await fc.assert(
      fc.asyncProperty(workloads({ withFaults: false }), async (workload) => {
        const { outcomes, broken } = await run(workload);
        expect(broken).toEqual([]);
        expect(badAnswers(outcomes, workload.setup)).toEqual([]);
        expect(outcomes.filter(({ result }) => result !== "SERVED" && result !== "QUEUE_FULL")).toEqual([]);
      }),
      { numRuns: 10 },
    );
  }, 120_000);

  it("does so also while instances crash and pools come to be empty", async () => {
    await fc.assert(
      fc.asyncProperty(workloads({ withFaults: true }), async (workload) => {
        const { outcomes, broken } = await run(workload);
        expect(broken).toEqual([]);
        expect(badAnswers(outcomes, workload.setup)).toEqual([]);
      }),
      { numRuns: 10 },
    );
  }, 120_000);

  it("comes out the same for the same seed", async () => {
    await fc.assert(
      fc.asyncProperty(workloads({ withFaults: true }), async (workload) => {
        expect(await run(workload)).toEqual(await run(workload));
      }),
      { numRuns: 1 },
    );
  }, 120_000);
});
