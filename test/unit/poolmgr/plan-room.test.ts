import { describe, expect, it } from "@jest/globals";
import { planRoom, type Occupant, type Room, type Want } from "../../../src/poolmgr/plan-room.js";

const want = (functionId: string, count: number, change: Partial<Want> = {}): Want => ({
  ...{ functionId, version: 1, count, holding: 0, sinceMs: 0 },
  ...change,
});
const occupant = (id: string, functionId: string, change: Partial<Occupant> = {}): Occupant => ({
  ...{ id, functionId, version: 1, inFlight: 0, idleMs: 5_000, isKept: false },
  ...change,
});
const room = (change: Partial<Room>): Room => ({
  ...{ free: 0, draining: { idle: 0, busy: 0 }, wants: [], occupants: [] },
  ...change,
});

describe("planRoom", () => {
  it("launches all at once where there is room", () => {
    const plan = planRoom(room({ free: Infinity, wants: [want("a", 5), want("b", 2)] }));
    expect(plan).toEqual({
      launches: [
        { functionId: "a", version: 1, count: 5 },
        { functionId: "b", version: 1, count: 2 },
      ],
      evictions: [],
    });
  });

  it("gives room to whoever holds the fewest, whichever asked for more", () => {
    const wants = [want("greedy", 100, { holding: 3 }), want("modest", 2)];
    expect(planRoom(room({ free: 6, wants })).launches).toEqual([
      { functionId: "greedy", version: 1, count: 4 },
      { functionId: "modest", version: 1, count: 2 },
    ]);
  });

  it("counts what a function gets for one version against its others", () => {
    const wants = [want("a", 5), want("a", 5, { version: 2 }), want("b", 5)];
    const { launches } = planRoom(room({ free: 4, wants }));
    expect(launches.find(({ functionId }) => functionId === "b")?.count).toBe(2);
  });

  it("gives the last place to whoever has waited longest", () => {
    const wants = [want("late", 1, { sinceMs: 9 }), want("early", 1, { sinceMs: 3 })];
    expect(planRoom(room({ free: 1, wants })).launches).toEqual([{ functionId: "early", version: 1, count: 1 }]);
  });

  it("evicts the least recently used idle instances of others, as many as are missing", () => {
    const occupants = [
      occupant("recent", "b", { idleMs: 2_000 }),
      occupant("oldest", "b", { idleMs: 9_000 }),
      occupant("older", "c", { idleMs: 8_000 }),
    ];
    expect(planRoom(room({ wants: [want("a", 2)], occupants })).evictions).toEqual(["oldest", "older"]);
  });

  it.each([
    ["busy", { inFlight: 1 }],
    ["used a moment ago", { idleMs: 999 }],
    ["one of its function's minInstances", { isKept: true }],
    ["of the version that lacks instances", { functionId: "a" }],
  ])("does not evict what is %s", (_name, change) => {
    const occupants = [occupant("x", "b", change)];
    expect(planRoom(room({ wants: [want("a", 1)], occupants })).evictions).toEqual([]);
  });

  it("evicts nothing for what is about to come free", () => {
    const occupants = [occupant("x", "b")];
    const draining = { idle: 1, busy: 0 };
    expect(planRoom(room({ wants: [want("a", 1)], occupants, draining })).evictions).toEqual([]);
    expect(planRoom(room({ wants: [want("a", 2)], occupants, draining })).evictions).toEqual(["x"]);
  });

  it("takes the least busy instance of whoever holds most for one that has two fewer, one at a time", () => {
    const rich = (count: number): Occupant[] =>
      Array.from({ length: count }, (_, index) => occupant(`r${index}`, "rich", { inFlight: 5 - index, idleMs: 0 }));
    const wants = [want("poor", 3, { holding: 1 })];
    expect(planRoom(room({ wants, occupants: rich(3) })).evictions).toEqual(["r2"]);
    expect(planRoom(room({ wants, occupants: rich(2) })).evictions).toEqual([]);
    expect(planRoom(room({ wants, occupants: rich(3), draining: { idle: 0, busy: 1 } })).evictions).toEqual([]);
  });

  it("leaves everybody as they are where nobody lacks anything", () => {
    expect(planRoom(room({ free: -3, occupants: [occupant("x", "b")] }))).toEqual({ launches: [], evictions: [] });
  });
});
