import { describe, expect, it } from "@jest/globals";
import { Coalescer, type CoalescerOptions } from "../../../src/lib/coalescer.js";

describe("Coalescer", () => {
  const build = (options: Partial<CoalescerOptions<number, number>> = {}) => {
    const batches: number[][] = [];
    const coalescer = new Coalescer<number, number>({
      work: (items) => {
        batches.push([...items]);
        return Promise.resolve(items.map((item) => item * 10));
      },
      ...{ maxItems: 3, weightOf: (item: number) => item, maxWeight: 100, maxWaiting: 5 },
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
