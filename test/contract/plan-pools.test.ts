import { describe, expect, it } from "@jest/globals";
import { planPools, type Machine, type PoolState } from "../../src/cluster/local/plan-pools.js";

const pool = (id: string, change: Partial<PoolState> = {}): PoolState => ({
  id,
  poolSize: 0,
  warm: 0,
  starting: 0,
  waiting: 0,
  canStart: true,
  ...change,
});
const machine = (change: Partial<Machine> = {}): Machine => ({
  instances: 0,
  ending: 0,
  maxInstances: 10,
  parallelStarts: 4,
  ...change,
});
const plan = (
  pools: PoolState[],
  change: Partial<Machine> = {},
): { start: string[]; end: object; refuse: string[] } => {
  const { start, end, refuse } = planPools(pools, machine(change));
  return { start: [...start], end: Object.fromEntries(end), refuse: [...refuse] };
};

describe("planPools", () => {
  it("starts what pools lack, in turns, so many at a time", () => {
    expect(plan([pool("a", { poolSize: 5 }), pool("b", { poolSize: 1 })]).start).toEqual(["a", "b", "a", "a"]);
    expect(plan([pool("a", { poolSize: 5, starting: 3 })]).start).toEqual(["a"]);
    expect(plan([pool("a", { poolSize: 2, warm: 1, starting: 1 })]).start).toEqual([]);
  });

  it("starts for claims before it fills a pool", () => {
    expect(plan([pool("a", { poolSize: 3 }), pool("b", { waiting: 2 })], { parallelStarts: 2 }).start).toEqual([
      "b",
      "b",
    ]);
  });

  it("starts one of each pool, however many starts of another hang", () => {
    const hanging = pool("a", { poolSize: 9, starting: 4, waiting: 9 });
    expect(plan([hanging, pool("b", { waiting: 3 }), pool("c", { waiting: 1 })]).start).toEqual(["b", "c"]);
    expect(plan([hanging, pool("b", { waiting: 3, starting: 1 })]).start).toEqual([]);
    const filling = pool("a", { poolSize: 9, starting: 4 });
    expect(plan([filling, pool("b", { poolSize: 3 })]).start).toEqual(["b"]);
    expect(plan([filling, pool("b", { waiting: 1 })], { instances: 10 }).start).toEqual([]);
  });

  it("does not count an instance that a claim waits for as a warm one", () => {
    expect(plan([pool("a", { poolSize: 1, starting: 1, waiting: 1 })]).start).toEqual(["a"]);
  });

  it("ends what a pool has too much, but not while claims wait", () => {
    expect(plan([pool("a", { poolSize: 1, warm: 3 })]).end).toEqual({ a: 2 });
    expect(plan([pool("a", { poolSize: 0, warm: 1, waiting: 1 })]).end).toEqual({});
  });

  it("starts nothing where nothing can start", () => {
    expect(plan([pool("a", { poolSize: 1, waiting: 1, canStart: false })]).start).toEqual([]);
  });

  it("never starts beyond the machine's bound", () => {
    expect(plan([pool("a", { poolSize: 9, warm: 2 })], { instances: 9 }).start).toEqual(["a"]);
    expect(plan([pool("a", { poolSize: 9, warm: 2 })], { instances: 10 })).toEqual({ start: [], end: {}, refuse: [] });
  });

  it("lets warm instances give way to claims, of the pool that has most", () => {
    const pools = [pool("a", { poolSize: 3, warm: 3 }), pool("b", { poolSize: 1, warm: 1 }), pool("c", { waiting: 2 })];
    expect(plan(pools, { instances: 10 })).toEqual({ start: [], end: { a: 2 }, refuse: [] });
  });

  it("takes no more away than the claims need beyond what is ending already", () => {
    const pools = [pool("a", { poolSize: 3, warm: 3 }), pool("c", { waiting: 2 })];
    expect(plan(pools, { instances: 10, ending: 1 }).end).toEqual({ a: 1 });
    expect(plan(pools, { instances: 10, ending: 2 }).end).toEqual({});
  });

  it("refuses claims only where nothing is about to come free", () => {
    const pools = [pool("c", { waiting: 1 })];
    expect(plan(pools, { instances: 10 }).refuse).toEqual(["c"]);
    expect(plan(pools, { instances: 10, ending: 1 }).refuse).toEqual([]);
    expect(plan([...pools, pool("d", { starting: 1, waiting: 1 })], { instances: 10 }).refuse).toEqual([]);
  });
});
