import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { planShares, type Queue } from "../../../src/invocations/plan-shares.js";

const queue = (functionId: string, fields: Partial<Queue> = {}): Queue => ({
  ...{ functionId, due: 10_000, running: 0, limit: 1_000 },
  ...fields,
});

describe("free slots", () => {
  it("go to a lonely function up to three quarters, so that another finds some", () => {
    expect(planShares([queue("a")], 32)).toEqual([{ functionId: "a", count: 24 }]);
  });

  it("are left for one that comes later, however many have long queues", () => {
    const busy = ["a", "b", "c"].map((id) => queue(id));
    const taken = planShares(busy, 32);
    const free = 32 - taken.reduce((sum, { count }) => sum + count, 0);
    expect(taken.map(({ count }) => count)).toEqual([10, 10, 9]);
    const running = busy.map((one, index) => ({ ...one, running: taken[index]?.count ?? 0 }));
    expect(planShares([...running, queue("new", { due: 2 })], free)).toEqual([{ functionId: "new", count: 2 }]);
  });

  it("go to nobody beyond what is due or may run", () => {
    expect(
      planShares([queue("a", { due: 2 }), queue("b", { limit: 3, running: 2 }), queue("c", { limit: 0 })], 32),
    ).toEqual([
      { functionId: "a", count: 2 },
      { functionId: "b", count: 1 },
    ]);
  });

  it("are never more than there are, nor more than anybody asked for, and somebody gets one if he can", () => {
    const queues = fc.array(fc.record({ due: fc.nat(50), running: fc.nat(20), limit: fc.nat(40) }), { maxLength: 10 });
    fc.assert(
      fc.property(queues, fc.nat(64), (given, free) => {
        const all = given.map((fields, index) => queue(String(index), fields));
        const shares = planShares(all, free);
        expect(shares.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(free);
        for (const { functionId, count } of shares) {
          const { due, limit, running } = all[Number(functionId)] ?? queue("none");
          expect(count).toBeLessThanOrEqual(Math.min(due, limit - running));
        }
        const couldHave = all.some(({ due, running, limit }) => due > 0 && running === 0 && limit > 0);
        if (free > 0 && couldHave) expect(shares).not.toEqual([]);
      }),
    );
  });
});
