import { describe, expect, it } from "@jest/globals";
import type { RunSettings } from "../../../src/model/function.js";
import {
  planCallOffs,
  planLaunches,
  planRetirements,
  type ScaledFunction,
  type ScaledInstance,
} from "../../../src/poolmgr/plan-scaling.js";
import { aFunction } from "./support/builders.js";

const instance = (id: string, change: Partial<ScaledInstance> = {}): ScaledInstance => ({
  ...{ id, version: 1, state: "READY", slots: 1, inFlight: 0, idleMs: 0, ageMs: 1_000, isOutdated: false },
  ...change,
});

const scaled = (settings: Partial<RunSettings>, change: Partial<ScaledFunction> = {}): ScaledFunction => ({
  spec: aFunction({ settings }),
  currentForMs: 60_000,
  demands: new Map(),
  instances: [],
  ...change,
});

const demand = (inFlight: number, waiting: number, version = 1): ScaledFunction["demands"] =>
  new Map([[version, { inFlight, waiting }]]);

const many = (count: number, change: Partial<ScaledInstance> = {}): ScaledInstance[] =>
  Array.from({ length: count }, (_, index) => instance(`i${index}`, change));

describe("planLaunches", () => {
  it.each([
    ["one for one request", 1, 0, 1, 1],
    ["ten for a hundred requests of ten slots each", 10, 0, 100, 10],
    ["one more for one request too many", 10, 0, 101, 11],
    ["none when nobody waits", 10, 50, 0, 0],
  ])("launches %s", (_name, requestsPerInstance, inFlight, waiting, count) => {
    const plan = planLaunches(scaled({ requestsPerInstance }, { demands: demand(inFlight, waiting) }));
    expect(plan).toEqual(count === 0 ? [] : [{ version: 1, count, isAsked: true }]);
  });

  it("counts what serves and what is on its way, not what drains", () => {
    const instances = [instance("a"), instance("b", { state: "SPECIALIZING" }), instance("c", { state: "DRAINING" })];
    expect(planLaunches(scaled({}, { demands: demand(1, 4), instances }))).toEqual([
      { version: 1, count: 3, isAsked: true },
    ]);
  });

  it("counts the slots that older instances really have", () => {
    const instances = [instance("a", { slots: 2 })];
    const fn = scaled({ requestsPerInstance: 10 }, { demands: demand(2, 11), instances });
    expect(planLaunches(fn)).toEqual([{ version: 1, count: 2, isAsked: true }]);
  });

  it("stays at maxInstances, of each version", () => {
    const instances = [...many(3), instance("old", { version: 2 })];
    const fn = scaled({ maxInstances: 4 }, { demands: demand(3, 50), instances });
    expect(planLaunches(fn)).toEqual([{ version: 1, count: 1, isAsked: true }]);
    expect(planLaunches({ ...fn, instances: many(5) })).toEqual([]);
  });

  it("keeps minInstances of the current version only", () => {
    const instances = [instance("a"), instance("old", { version: 2 })];
    expect(planLaunches(scaled({ minInstances: 3 }, { instances }))).toEqual([
      { version: 1, count: 2, isAsked: false },
    ]);
  });

  it("tells what requests wait for from what only minInstances ask for", () => {
    const fn = scaled({ minInstances: 5, maxInstances: 6 }, { demands: demand(1, 2), instances: [instance("a")] });
    expect(planLaunches(fn)).toEqual([
      { version: 1, count: 2, isAsked: true },
      { version: 1, count: 2, isAsked: false },
    ]);
    expect(planLaunches({ ...fn, demands: demand(1, 50) })).toEqual([{ version: 1, count: 5, isAsked: true }]);
  });

  it("launches any version that is asked for", () => {
    expect(planLaunches(scaled({}, { demands: demand(0, 2, 7) }))).toEqual([{ version: 7, count: 2, isAsked: true }]);
  });

  it("launches nothing of a deleted function", () => {
    expect(planLaunches(scaled({}, { spec: undefined, demands: demand(0, 5) }))).toEqual([]);
  });
});

describe("planCallOffs", () => {
  it.each([
    ["none while all of them are waited for", 10, demand(1, 10), 0],
    ["those whose callers were served by others", 10, demand(1, 4), 6],
    ["all when nobody waits any more and one serves", 10, demand(0, 0), 10],
    ["all where nothing was ever asked", 10, new Map(), 10],
  ])("calls off %s", (_name, onTheirWay, demands, count) => {
    const fn = scaled({}, { demands, instances: [instance("a", { inFlight: 1 })] });
    expect(planCallOffs(fn, 1, onTheirWay)).toBe(count);
  });

  it("leaves one for callers who come again, and what minInstances asks for", () => {
    expect(planCallOffs(scaled({}), 1, 5)).toBe(4);
    expect(planCallOffs(scaled({ minInstances: 3 }, { instances: many(1) }), 1, 5)).toBe(3);
    expect(planCallOffs(scaled({ minInstances: 3 }, { instances: many(1, { version: 2 }) }), 2, 5)).toBe(5);
  });

  it("never calls off what planLaunches would launch again", () => {
    for (let inFlight = 0; inFlight < 12; inFlight++) {
      for (let waiting = 1; waiting < 12; waiting++) {
        const fn = scaled(
          { requestsPerInstance: 3 },
          { demands: demand(inFlight, waiting), instances: many(2, { slots: 3 }) },
        );
        const count = planLaunches(fn)[0]?.count ?? 0;
        expect(planCallOffs(fn, 1, count)).toBe(0);
        expect(planCallOffs(fn, 1, count + 2)).toBe(2);
      }
    }
  });
});

describe("planRetirements", () => {
  const ids = (fn: ScaledFunction): string[] => planRetirements(fn).map(({ instanceId }) => instanceId);

  it("retires what is idle for the idle timeout, the idlest first, a quarter at a time", () => {
    const instances = many(8).map((each, index) => ({ ...each, idleMs: 10_000 + index }));
    expect(planRetirements(scaled({ idleTimeoutSeconds: 10 }, { instances }))).toEqual([
      { instanceId: "i7", why: "IDLE" },
      { instanceId: "i6", why: "IDLE" },
    ]);
    expect(ids(scaled({ idleTimeoutSeconds: 11 }, { instances }))).toEqual([]);
  });

  it("keeps minInstances", () => {
    const instances = many(3, { idleMs: 99_000 });
    expect(ids(scaled({ idleTimeoutSeconds: 10, minInstances: 3 }, { instances }))).toEqual([]);
    expect(ids(scaled({ idleTimeoutSeconds: 10, minInstances: 2 }, { instances }))).toHaveLength(1);
  });

  it("retires nothing idle while requests of the version wait", () => {
    const instances = many(3, { idleMs: 99_000 });
    expect(ids(scaled({ idleTimeoutSeconds: 10 }, { instances, demands: demand(0, 1) }))).toEqual([]);
  });

  it("retires all of a deleted function, but what drains already", () => {
    const instances = [instance("a", { inFlight: 1 }), instance("b"), instance("c", { state: "DRAINING" })];
    expect(planRetirements(scaled({}, { spec: undefined, instances }))).toEqual([
      { instanceId: "a", why: "DELETED" },
      { instanceId: "b", why: "DELETED" },
    ]);
  });

  it("retires a superseded version's instances, busy or not, once routers have had time to learn of it", () => {
    const instances = [instance("old", { version: 2, inFlight: 1, ageMs: 9_000 })];
    expect(planRetirements(scaled({}, { instances, currentForMs: 500 }))).toEqual([
      { instanceId: "old", why: "SUPERSEDED" },
    ]);
    expect(ids(scaled({}, { instances, currentForMs: 499 }))).toEqual([]);
  });

  it("keeps what was asked for by number since, and retires it sooner than the current version", () => {
    const byNumber = (idleMs: number): ScaledFunction =>
      scaled({ idleTimeoutSeconds: 120 }, { instances: [instance("old", { version: 2, ageMs: 50_000, idleMs })] });
    expect(ids(byNumber(9_999))).toEqual([]);
    expect(ids(byNumber(10_000))).toEqual(["old"]);
    expect(ids({ ...byNumber(10_000), demands: demand(0, 1, 2) })).toEqual([]);
  });

  it("retires what is above maxInstances, idle ones first", () => {
    const instances = [
      instance("busy", { inFlight: 1 }),
      instance("idle", { idleMs: 5 }),
      instance("idler", { idleMs: 9 }),
    ];
    expect(planRetirements(scaled({ maxInstances: 1 }, { instances }))).toEqual([
      { instanceId: "idler", why: "EXCESS" },
      { instanceId: "idle", why: "EXCESS" },
    ]);
  });

  it("retires what runs on an old image one by one, idle ones first", () => {
    const old = { isOutdated: true };
    const instances = [instance("a", { ...old, inFlight: 1 }), instance("b", old), instance("c")];
    expect(planRetirements(scaled({}, { instances }))).toEqual([{ instanceId: "b", why: "OUTDATED" }]);
    const draining = [...instances, instance("d", { state: "DRAINING" })];
    expect(ids(scaled({}, { instances: draining }))).toEqual([]);
  });
});
