import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { planGrants } from "../../../src/poolmgr/plan-grants.js";
import { SlotLedger } from "../../../src/poolmgr/slot-ledger.js";

describe("SlotLedger", () => {
  it("counts what routers hold and what is free", () => {
    const ledger = new SlotLedger(10);
    ledger.tell("a", 6, 1);
    expect(ledger.free).toBe(4);
    expect(ledger.isDealtOut).toBe(false);
    ledger.tell("b", 4, 1);
    expect(ledger.free).toBe(0);
    expect(ledger.isDealtOut).toBe(true);
    expect(ledger.holders).toEqual(["a", "b"]);
  });

  it("refuses to grant a slot twice", () => {
    const ledger = new SlotLedger(10);
    ledger.tell("a", 8, 1);
    expect(() => ledger.tell("b", 3, 1)).toThrow("granted twice");
    ledger.tell("a", 4, 2);
    expect(() => ledger.tell("b", 3, 1)).toThrow("granted twice");
  });

  it("has lowered slots back when the router, knowing of it, has no more in flight", () => {
    const ledger = new SlotLedger(10);
    ledger.tell("a", 10, 1);
    ledger.use("a", 9, 1, 0);
    ledger.tell("a", 4, 2);
    expect(ledger.free).toBe(0);
    ledger.use("a", 7, 2, 0);
    expect(ledger.free).toBe(3);
    ledger.use("a", 1, 2, 0);
    expect(ledger.free).toBe(6);
    expect(ledger.inFlight).toBe(1);
  });

  it("does not believe what a router said before it knew of fewer slots", () => {
    const ledger = new SlotLedger(10);
    ledger.tell("a", 10, 1);
    ledger.tell("a", 4, 2);
    ledger.use("a", 0, 1, 0);
    expect(ledger.free).toBe(0);
  });

  it("has a withdrawn share back only when it is released", () => {
    const ledger = new SlotLedger(2);
    ledger.tell("a", 2, 1);
    ledger.withdraw("a");
    ledger.withdraw("nobody");
    ledger.use("a", 0, 9, 0);
    expect(ledger.free).toBe(0);
    expect(() => ledger.tell("a", 1, 3)).toThrow("draining");
    ledger.release("a");
    expect(ledger.free).toBe(2);
    expect(ledger.holders).toEqual([]);
    ledger.tell("a", 2, 4);
    expect(ledger.free).toBe(0);
  });

  it("knows nothing of what routers say without a share", () => {
    const ledger = new SlotLedger(2);
    ledger.use("a", 5, 1, 0);
    expect(ledger.inFlight).toBe(0);
  });
});

/** A stream with delay: what one end has sent and the other has not got yet. */
interface Link {
  readonly toRouter: { readonly slots: number; readonly number: number }[];
  readonly toPoolmgr: { readonly inFlight: number; readonly waiting: number; readonly seen: number }[];
  sent: number;
  seen: number;
  slots: number;
  inFlight: number;
  waiting: number;
  said: { inFlight: number; waiting: number };
}

describe("SlotLedger and planGrants, over streams with delay", () => {
  const moves = (...what: string[]): fc.Arbitrary<{ router: number; do: string; count: number }[]> =>
    fc.array(fc.record({ router: fc.nat(2), do: fc.constantFrom(...what), count: fc.integer({ min: 1, max: 8 }) }), {
      maxLength: 120,
      size: "max",
    });
  const talk = ["request", "request", "finish", "finish", "hear", "hear", "answer", "answer", "plan"];
  const play = (steps: { router: number; do: string; count: number }[]): void => {
    const model = new Model();
    for (const { router, do: what, count } of steps) {
      model.step(router, what, count);
      expect(model.inFlight).toBeLessThanOrEqual(8);
    }
    model.drain();
    expect(model.waiting).toBe(0);
    expect(model.ledger.isDealtOut).toBe(true);
    expect(model.links.reduce((sum, { slots }) => sum + slots, 0)).toBe(model.ledger.total);
  };

  it("never let routers together use more slots than there are, and lose none", () => {
    fc.assert(fc.property(moves(...talk), play), { numRuns: 150 });
  });

  it("do so also while the number of slots changes", () => {
    fc.assert(fc.property(moves(...talk, "total"), play), { numRuns: 100 });
  });
});

/** One instance and three routers; nothing arrives before the test says so. */
class Model {
  readonly ledger = new SlotLedger(8);
  readonly links = [0, 1, 2].map((): Link => {
    const nothing = { sent: 0, seen: 0, slots: 0, inFlight: 0, waiting: 0 };
    return { ...nothing, toRouter: [], toPoolmgr: [], said: { inFlight: 0, waiting: 0 } };
  });
  #turn = 0;

  get inFlight(): number {
    return this.links.reduce((sum, link) => sum + link.inFlight, 0);
  }

  get waiting(): number {
    return this.links.reduce((sum, link) => sum + link.waiting, 0);
  }

  step(index: number, what: string, count: number): void {
    const link = this.links[index]!;
    if (what === "request") {
      link.waiting += count;
      this.#admit(link);
    } else if (what === "finish") this.#finish(link, count);
    else if (what === "hear") this.#hear(link);
    else if (what === "answer") this.#answer(index, link);
    else if (what === "total") this.ledger.total = count;
    else this.#turn++;
    this.#plan();
  }

  drain(): void {
    for (let round = 0, quiet = 0; round < 2_000 && quiet < 10; round++) {
      quiet = this.waiting > 0 ? 0 : quiet + 1;
      this.#turn++;
      for (const [index, link] of this.links.entries()) {
        this.#finish(link, 100);
        while (link.toRouter.length > 0) this.#hear(link);
        while (link.toPoolmgr.length > 0) this.#answer(index, link);
      }
      this.#plan();
    }
  }

  #plan(): void {
    const routers = this.links.map(({ said }, index) => ({
      id: String(index),
      demand: said.inFlight + said.waiting,
      isWaiting: said.waiting > 0,
    }));
    const { total, shares } = this.ledger;
    for (const { routerId, slots } of planGrants([{ id: "i", total, shares }], routers, this.#turn)) {
      const link = this.links[Number(routerId)]!;
      this.ledger.tell(routerId, slots, link.sent + 1);
      link.toRouter.push({ slots, number: ++link.sent });
    }
  }

  #hear(link: Link): void {
    const message = link.toRouter.shift();
    if (message === undefined) return;
    link.seen = message.number;
    link.slots = message.slots;
    this.#admit(link);
  }

  #answer(index: number, link: Link): void {
    const message = link.toPoolmgr.shift();
    if (message === undefined) return;
    link.said = message;
    this.ledger.use(String(index), message.inFlight, message.seen, 0);
  }

  #finish(link: Link, count: number): void {
    link.inFlight -= Math.min(count, link.inFlight);
    this.#admit(link);
  }

  #admit(link: Link): void {
    const admitted = Math.min(link.waiting, Math.max(0, link.slots - link.inFlight));
    link.waiting -= admitted;
    link.inFlight += admitted;
    link.toPoolmgr.push({ inFlight: link.inFlight, waiting: link.waiting, seen: link.seen });
  }
}
