import { describe, expect, it } from "@jest/globals";
import { planPools } from "../../../src/poolmgr/plan-pools.js";
import { anEnvironment } from "./support/builders.js";

const sizes = (poolSizes: number[], room: number): number[] =>
  planPools(
    poolSizes.map((poolSize, index) => anEnvironment({ id: `e${index}`, poolSize })),
    new Map(),
    room,
  ).ensure.map(({ poolSize }) => poolSize);

describe("planPools", () => {
  it("ensures what is new or changed, and removes what is not desired", () => {
    const same = anEnvironment({ id: "same" });
    const changed = anEnvironment({ id: "changed", image: "b" });
    const ensured = new Map([
      ["same", same],
      ["changed", anEnvironment({ id: "changed", image: "a" })],
      ["gone", anEnvironment({ id: "gone" })],
    ]);
    const plan = planPools([same, changed, anEnvironment({ id: "new" })], ensured, Infinity);
    expect(plan.ensure.map(({ id }) => id)).toEqual(["changed", "new"]);
    expect(plan.remove).toEqual(["gone"]);
  });

  it("deals out scarce room one by one", () => {
    expect(sizes([3, 3], 64)).toEqual([3, 3]);
    expect(sizes([5, 1, 3], 6)).toEqual([3, 1, 2]);
    expect(sizes([3, 3], 1)).toEqual([1, 0]);
    expect(sizes([3, 3], 0)).toEqual([0, 0]);
    expect(sizes([3, 3], -4)).toEqual([0, 0]);
  });

  it("tells the driver when the room for a pool changes", () => {
    const environment = anEnvironment({ poolSize: 3 });
    const ensured = new Map([["env", environment]]);
    expect(planPools([environment], ensured, 2).ensure).toEqual([{ ...environment, poolSize: 2 }]);
    expect(planPools([environment], ensured, 3).ensure).toEqual([]);
  });
});
