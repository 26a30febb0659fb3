import { describe, expect, it } from "@jest/globals";
import { planGrants, type GrantableInstance, type Share } from "../../../src/poolmgr/plan-grants.js";

const share = (told: number, change: Partial<Share> = {}): Share => ({
  ...{ told, held: told, inFlight: told, isWithdrawn: false },
  ...change,
});
const instance = (id: string, total: number, shares: Record<string, Share> = {}): GrantableInstance => ({
  ...{ id, total },
  shares: new Map(Object.entries(shares)),
});
const idle = (id: string): { id: string; demand: number; isWaiting: boolean } => ({ id, demand: 0, isWaiting: false });
const waiting = (id: string, demand: number): ReturnType<typeof idle> => ({ id, demand, isWaiting: true });

describe("planGrants", () => {
  it("gives a lone router every slot of an instance at once", () => {
    expect(planGrants([instance("i", 10)], [idle("a")], 0)).toEqual([{ instanceId: "i", routerId: "a", slots: 10 }]);
  });

  it("has nothing to say without routers, or when all is as it should be", () => {
    expect(planGrants([instance("i", 10)], [], 0)).toEqual([]);
    expect(planGrants([instance("i", 10, { a: share(10) })], [waiting("a", 50)], 0)).toEqual([]);
  });

  it("gives free slots to the router whose requests wait, and spreads the rest evenly", () => {
    expect(planGrants([instance("i", 10)], [idle("a"), waiting("b", 6)], 0)).toEqual([
      { instanceId: "i", routerId: "b", slots: 8 },
      { instanceId: "i", routerId: "a", slots: 2 },
    ]);
  });

  it("spreads what nobody waits for evenly", () => {
    const grants = planGrants([instance("i", 5), instance("j", 5)], [idle("a"), idle("b")], 0);
    const of = (id: string): number =>
      grants.filter(({ routerId }) => routerId === id).reduce((total, { slots }) => total + slots, 0);
    expect([of("a"), of("b")]).toEqual([5, 5]);
  });

  it("calls back idle slots when another router's requests wait, no more than those need", () => {
    const taken = instance("i", 10, { a: share(10, { inFlight: 2 }) });
    const routers = [{ id: "a", demand: 2, isWaiting: false }, waiting("b", 3)];
    expect(planGrants([taken], routers, 0)).toEqual([{ instanceId: "i", routerId: "a", slots: 7 }]);
  });

  it("hands nothing out before it has come back, and calls nothing back twice", () => {
    const returning = instance("i", 10, { a: share(7, { held: 10, inFlight: 2 }) });
    expect(planGrants([returning], [{ id: "a", demand: 2, isWaiting: false }, waiting("b", 3)], 0)).toEqual([]);
  });

  it("gives what has come back to who waits", () => {
    const returned = instance("i", 10, { a: share(7, { inFlight: 2 }) });
    expect(planGrants([returned], [{ id: "a", demand: 2, isWaiting: false }, waiting("b", 3)], 0)).toEqual([
      { instanceId: "i", routerId: "b", slots: 3 },
    ]);
  });

  it("lets a router keep what it was asked back for when nobody waits any more", () => {
    const returning = instance("i", 10, { a: share(7, { held: 10, inFlight: 9 }) });
    expect(planGrants([returning], [idle("a"), idle("b")], 0)).toEqual([{ instanceId: "i", routerId: "a", slots: 10 }]);
  });

  it("calls back idle instances before busy ones", () => {
    const instances = [instance("busy", 1, { a: share(1) }), instance("idle", 1, { a: share(1, { inFlight: 0 }) })];
    const routers = [{ id: "a", demand: 1, isWaiting: false }, waiting("b", 1)];
    expect(planGrants(instances, routers, 0)).toEqual([{ instanceId: "idle", routerId: "a", slots: 0 }]);
  });

  it("divides slots fairly between routers that both want all", () => {
    const taken = instance("i", 10, { a: share(10) });
    expect(planGrants([taken], [waiting("a", 90), waiting("b", 90)], 0)).toEqual([
      { instanceId: "i", routerId: "a", slots: 5 },
    ]);
  });

  it("lets routers take turns where there are fewer slots than routers", () => {
    const taken = instance("i", 1, { a: share(1) });
    const routers = [waiting("a", 9), waiting("b", 9)];
    expect(planGrants([taken], routers, 0)).toEqual([]);
    expect(planGrants([taken], routers, 1)).toEqual([{ instanceId: "i", routerId: "a", slots: 0 }]);
  });

  it("takes slots from whoever has most when an instance has fewer than before", () => {
    expect(planGrants([instance("i", 4, { a: share(6), b: share(2) })], [idle("a"), idle("b")], 0)).toEqual([
      { instanceId: "i", routerId: "a", slots: 2 },
    ]);
  });
});
