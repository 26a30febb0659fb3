import { describe, expect, it } from "@jest/globals";
import { turnMs } from "../../../src/poolmgr/plan-evictions.js";
import { planRoom } from "../../../src/poolmgr/plan-room.js";
import type { Occupant, Room, Want } from "../../../src/poolmgr/room.js";

const want = (functionId: string, count: number, change: Partial<Want> = {}): Want => ({
  ...{ functionId, version: 1, count, isAsked: true, serving: 0, holding: 0, sinceMs: 0 },
  ...change,
});
const occupant = (id: string, functionId: string, change: Partial<Occupant> = {}): Occupant => ({
  ...{ id, functionId, version: 1, inFlight: 0, idleMs: 5_000, ageMs: 9_000, isReported: true, isKept: false },
  ...change,
});
const room = (change: Partial<Room>): Room => ({
  ...{ nowMs: 0, free: 0, reserve: 0, draining: { idle: 0, busy: 0 }, wants: [], occupants: [] },
  ...change,
});

describe("planRoom", () => {
  it("launches all at once where there is room", () => {
    const plan = planRoom(room({ free: Infinity, wants: [want("a", 5), want("b", 2)] }));
    expect(plan).toEqual({
      launches: [
        { functionId: "a", version: 1, isAsked: true, count: 5 },
        { functionId: "b", version: 1, isAsked: true, count: 2 },
      ],
      evictions: [],
      againInMs: undefined,
    });
  });

  it("gives room to whoever holds the fewest, whichever asked for more", () => {
    const wants = [want("greedy", 100, { holding: 3, serving: 3 }), want("modest", 2)];
    expect(planRoom(room({ free: 6, wants })).launches).toEqual([
      { functionId: "greedy", version: 1, isAsked: true, count: 4 },
      { functionId: "modest", version: 1, isAsked: true, count: 2 },
    ]);
  });

  it("counts what a function gets for one version against its others", () => {
    const wants = [want("a", 5), want("a", 5, { version: 2 }), want("b", 5)];
    const { launches } = planRoom(room({ free: 4, wants }));
    expect(launches.find(({ functionId }) => functionId === "b")?.count).toBe(2);
  });

  it("gives the last place to whoever has waited longest", () => {
    const wants = [want("late", 1, { sinceMs: 9 }), want("early", 1, { sinceMs: 3 })];
    expect(planRoom(room({ free: 1, wants })).launches).toEqual([
      { functionId: "early", version: 1, isAsked: true, count: 1 },
    ]);
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
    ["so new that no router has said anything of it", { ageMs: turnMs - 1, isReported: false }],
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
    const wants = [want("poor", 3, { holding: 1, serving: 1 })];
    expect(planRoom(room({ wants, occupants: rich(3) })).evictions).toEqual(["r2"]);
    expect(planRoom(room({ wants, occupants: rich(2) })).evictions).toEqual([]);
    expect(planRoom(room({ wants, occupants: rich(3), draining: { idle: 0, busy: 1 } })).evictions).toEqual([]);
  });

  it("leaves everybody as they are where nobody lacks anything", () => {
    const plan = planRoom(room({ free: -3, occupants: [occupant("x", "b")] }));
    expect(plan).toEqual({ launches: [], evictions: [], againInMs: undefined });
  });

  it("evicts what has only just gone idle for a function's first instance, but not for a further one", () => {
    const occupants = [occupant("x", "b", { idleMs: 1, ageMs: 10 })];
    expect(planRoom(room({ wants: [want("a", 1)], occupants })).evictions).toEqual(["x"]);
    const rich = want("a", 1, { serving: 1, holding: 1 });
    expect(planRoom(room({ wants: [rich], occupants })).evictions).toEqual([]);
    const unasked = want("a", 1, { isAsked: false });
    expect(planRoom(room({ wants: [unasked], occupants })).evictions).toEqual([]);
  });

  it("gives room first to who has none and has waited longest, then to others", () => {
    const wants = [
      want("unasked", 1, { isAsked: false }),
      want("late", 1, { sinceMs: 9 }),
      want("early", 1, { sinceMs: 3, holding: 1 }),
    ];
    const launched = (free: number): string[] =>
      planRoom(room({ free, wants })).launches.map(({ functionId }) => functionId);
    expect(launched(1)).toEqual(["early"]);
    expect(launched(2)).toEqual(["late", "early"]);
  });
});

describe("planRoom, with a place for functions that have none", () => {
  const reserve = 1;

  it("leaves it to a function's first instance", () => {
    const counts = (free: number, ...wants: Want[]): number[] =>
      planRoom(room({ free, reserve, wants })).launches.map(({ count }) => count);
    expect(counts(4, want("a", 10))).toEqual([3]);
    expect(counts(1, want("a", 10))).toEqual([1]);
    expect(counts(1, want("a", 10, { serving: 1, holding: 1 }))).toEqual([]);
    expect(counts(4, want("a", 10), want("b", 10))).toEqual([2, 1]);
  });

  it("evicts nothing for a further instance that would have no place then either", () => {
    const rich = want("a", 5, { serving: 2, holding: 2 });
    const idle = (count: number): Occupant[] => ["x", "y", "z"].slice(0, count).map((id) => occupant(id, id));
    const evictions = (change: Partial<Room>): readonly string[] =>
      planRoom(room({ nowMs: 1_000, reserve, wants: [rich], ...change })).evictions;
    expect(evictions({ occupants: idle(1) })).toEqual([]);
    expect(evictions({ occupants: idle(2) })).toEqual(["x", "y"]);
    expect(evictions({ occupants: idle(1), free: 1 })).toEqual(["x"]);
    expect(evictions({ occupants: idle(1), wants: [rich, want("b", 1)] })).toEqual(["x"]);
  });
});

describe("planRoom, with minInstances", () => {
  const kept = (id: string, functionId: string): Occupant => occupant(id, functionId, { isKept: true });
  const unasked = (functionId: string, count: number, change: Partial<Want> = {}): Want =>
    want(functionId, count, { isAsked: false, ...change });

  it("evicts nobody for their sake, however much others hold and however idle they are", () => {
    const occupants = [occupant("x1", "b"), occupant("x2", "b"), occupant("x3", "b")];
    const plan = planRoom(room({ nowMs: 60_000, wants: [unasked("a", 10)], occupants }));
    expect(plan).toEqual({ launches: [], evictions: [], againInMs: undefined });
  });

  it("gives room to whoever has callers first, whatever they hold", () => {
    const wants = [unasked("a", 10), want("b", 2, { serving: 3, holding: 3, sinceMs: 9 })];
    expect(planRoom(room({ free: 2, wants })).launches).toEqual([
      { functionId: "b", version: 1, isAsked: true, count: 2 },
    ]);
  });

  it("leaves the reserve to callers", () => {
    const launches = (wants: readonly Want[]): object => planRoom(room({ free: 4, reserve: 1, wants })).launches;
    expect(launches([unasked("a", 10)])).toEqual([{ functionId: "a", version: 1, isAsked: false, count: 3 }]);
    expect(launches([unasked("a", 10), want("b", 1)])).toContainEqual({
      ...{ functionId: "b", version: 1, isAsked: true, count: 1 },
    });
  });

  it("lets idle ones give way to a function's first instance, a function's last one last", () => {
    const occupants = [kept("only", "c"), kept("k1", "b"), kept("k2", "b"), occupant("idle", "d", { idleMs: 1 })];
    const evictions = (...wants: Want[]): readonly string[] => planRoom(room({ wants, occupants })).evictions;
    expect(evictions(want("a", 1))).toEqual(["idle"]);
    expect(evictions(want("a", 1), want("e", 1))).toEqual(["idle", "k1"]);
  });

  it("lets those of a function that lacks more of them give way", () => {
    const occupants = [kept("k1", "b"), kept("k2", "b")];
    expect(planRoom(room({ wants: [unasked("b", 8), want("a", 1)], occupants })).evictions).toEqual(["k1"]);
  });

  it("lets them give way to a further instance only where both are closer to equal afterwards", () => {
    const occupants = [kept("k1", "b"), kept("k2", "b"), kept("k3", "b")];
    const more = (holding: number): Want => want("a", 5, { serving: holding, holding });
    expect(planRoom(room({ wants: [more(1)], occupants })).evictions).toEqual(["k1"]);
    expect(planRoom(room({ wants: [more(2)], occupants })).evictions).toEqual([]);
  });
});

describe("planRoom, where every instance is busy", () => {
  const busy = (id: string, change: Partial<Occupant> = {}): Occupant =>
    occupant(id, id, { inFlight: 1, idleMs: 0, ...change });
  const occupants = [busy("young", { ageMs: turnMs }), busy("old"), busy("new", { ageMs: turnMs - 1 })];
  const evictions = (wants: readonly Want[], change: Partial<Room> = {}): readonly string[] =>
    planRoom(room({ nowMs: 1_000, wants, occupants, ...change })).evictions;

  it("asks whoever has had its turn for longest to give way to who has waited for a turn", () => {
    expect(evictions([want("a", 1)])).toEqual(["old"]);
    expect(evictions([want("a", 5)])).toEqual(["old"]);
    expect(evictions([want("a", 1), want("b", 1)])).toEqual(["old", "young"]);
    expect(evictions([want("a", 1), want("b", 1), want("c", 1)])).toEqual(["old", "young"]);
  });

  it.each([
    ["has waited for less than a turn", { sinceMs: 1_000 - turnMs + 1 }],
    ["has an instance", { serving: 1, holding: 1 }],
    ["has no callers", { isAsked: false }],
  ])("takes no turn from anybody for a function that %s", (_name, change) => {
    expect(evictions([want("a", 1, change)])).toEqual([]);
  });

  it("takes from who holds several before it takes anybody's last", () => {
    const several = [occupant("r1", "rich", { inFlight: 3 }), occupant("r2", "rich", { inFlight: 2 })];
    expect(evictions([want("a", 1)], { occupants: [...occupants, ...several] })).toEqual(["r2"]);
    expect(evictions([want("a", 1), want("b", 1)], { occupants: [...occupants, ...several] })).toEqual(["r2", "old"]);
  });

  it("asks minInstances to give way too: before another function's last, after what is kept for nothing", () => {
    const kept = (id: string): Occupant => occupant(id, "kept", { inFlight: 1, idleMs: 0, isKept: true });
    const all = [kept("k1"), kept("k2"), busy("old")];
    expect(evictions([want("a", 1)], { occupants: all })).toEqual(["k1"]);
    expect(evictions([want("a", 1)], { occupants: [kept("k1")] })).toEqual(["k1"]);
    const plain = [occupant("r1", "rich", { inFlight: 5 }), occupant("r2", "rich", { inFlight: 5 })];
    expect(evictions([want("a", 1)], { occupants: [...all, ...plain] })).toEqual(["r1"]);
  });

  it("counts what is about to come free, and what is idle", () => {
    expect(evictions([want("a", 1)], { draining: { idle: 0, busy: 1 } })).toEqual([]);
    expect(evictions([want("a", 1)], { draining: { idle: 1, busy: 0 } })).toEqual([]);
    expect(evictions([want("a", 1)], { occupants: [...occupants, occupant("idle", "idle")] })).toEqual(["idle"]);
  });

  it("says when the next turn ends, if somebody is left waiting", () => {
    const againInMs = (wants: readonly Want[], free = 0): number | undefined =>
      planRoom(room({ nowMs: 1_000, wants, occupants, free })).againInMs;
    expect(againInMs([want("a", 1)])).toBe(1);
    expect(againInMs([want("a", 1)], 1)).toBeUndefined();
    const alone = { nowMs: 1_000, occupants: [occupant("x", "x")], wants: [want("a", 1, { sinceMs: 900 })] };
    expect(planRoom(room(alone)).againInMs).toBe(turnMs - 100);
  });
});
