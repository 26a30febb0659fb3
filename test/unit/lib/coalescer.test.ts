import { describe, expect, it } from "@jest/globals";
import { Coalescer, type CoalescerOptions } from "../../../src/lib/coalescer.js";
import { FakeClock } from "../poolmgr/support/fake-clock.js";

describe("Coalescer", () => {
  const line = { items: 5, weight: 1_000, ms: 4_000 };
  const build = (options: Partial<CoalescerOptions<number, number>> = {}) => {
    const batches: number[][] = [];
    const coalescer = new Coalescer<number, number>({
      work: (items) => {
        batches.push([...items]);
        return Promise.resolve(items.map((item) => item * 10));
      },
      ...{ maxItems: 3, weightOf: (item: number) => item, maxWeight: 100, line, clock: new FakeClock() },
      full: () => new Error("full"),
      isForAll: (error) => (error as Error).message === "away",
      ...options,
    });
    return { batches, coalescer };
  };

  it("does together what comes together, in order and in batches that are not too large", async () => {
    const { batches, coalescer } = build();
    expect(await Promise.all([1, 2, 3, 4].map((item) => coalescer.run(item)))).toEqual([10, 20, 30, 40]);
    expect(batches).toEqual([[1, 2, 3], [4]]);
  });

  it("puts no more into a batch than it may weigh, but one at least", async () => {
    const { batches, coalescer } = build();
    await Promise.all([500, 60, 60].map((item) => coalescer.run(item)));
    expect(batches).toEqual([[500], [60], [60]]);
  });

  it("refuses whom it has no room for", async () => {
    const { coalescer } = build();
    const all = [1, 2, 3, 4, 5].map((item) => coalescer.run(item));
    await expect(coalescer.run(6)).rejects.toThrow("full");
    await Promise.all(all);
    await coalescer.idle();
    expect(await coalescer.run(6)).toBe(60);
  });

  it("refuses what weighs too much beside those who wait, but no single one", async () => {
    const { coalescer } = build();
    const first = coalescer.run(2_000);
    await expect(coalescer.run(1)).rejects.toThrow("full");
    expect(await first).toBe(20_000);
    const both = [coalescer.run(600), coalescer.run(400)];
    await expect(coalescer.run(1)).rejects.toThrow("full");
    expect(await Promise.all(both)).toEqual([6_000, 4_000]);
    expect(await coalescer.run(1_000)).toBe(10_000);
  });

  it("sends away who has waited for too long, and nobody who is being worked on", async () => {
    const clock = new FakeClock();
    const ends: (() => void)[] = [];
    const begun: number[][] = [];
    const { coalescer } = build({
      clock,
      work: (items) => {
        begun.push([...items]);
        return new Promise((resolve) => ends.push(() => resolve(items)));
      },
    });
    const slow = coalescer.run(1);
    await clock.pass(1_000);
    const outcomes: unknown[] = [];
    const late = coalescer.run(2).catch((error: unknown) => outcomes.push((error as Error).message));
    await clock.pass(1_000);
    const patient = coalescer.run(3);
    await clock.pass(2_999);
    expect(outcomes).toEqual([]);
    await clock.pass(1);
    expect(outcomes).toEqual(["full"]);
    ends[0]?.();
    expect(await slow).toBe(1);
    await clock.pass(4_000);
    ends[1]?.();
    expect(await patient).toBe(3);
    await late;
    expect(begun).toEqual([[1], [3]]);
    expect(clock.timers).toBe(0);
  });

  it("tells a failure to those whom it met, and one that is everybody's to all", async () => {
    for (const [message, told] of [
      ["wrong", 3],
      ["away", 5],
    ] as const) {
      let calls = 0;
      const work: CoalescerOptions<number, number>["work"] = (items) =>
        ++calls === 1 ? Promise.reject(new Error(message)) : Promise.resolve(items);
      const { coalescer } = build({ work });
      const results = await Promise.allSettled([1, 2, 3, 4, 5].map((item) => coalescer.run(item)));
      expect(results.filter(({ status }) => status === "rejected")).toHaveLength(told);
    }
  });
});
