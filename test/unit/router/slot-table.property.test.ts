/** Random histories of requests and grants: no slot lost or doubled, nobody overtaken, nobody left waiting beside a free slot. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { silentLogger } from "../../../src/lib/logger.js";
import { keyedTarget } from "../../../src/router/callee.js";
import { Connections, defaultConnectionSettings } from "../../../src/router/connections.js";
import type { Lease } from "../../../src/router/target-slots.js";
import { SlotTable } from "../../../src/router/slot-table.js";
import { FakePoolmgr } from "../../router/support/fake-poolmgr.js";
import { FakeClock, settled } from "../poolmgr/support/fake-clock.js";

const target = keyedTarget("fn", 1);
const ids = ["a", "b", "c", "d"];

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: "request" as const }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("release" as const), which: fc.nat(20) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("grant" as const),
      id: fc.constantFrom(...ids),
      slots: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("withdraw" as const), id: fc.constantFrom(...ids) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("gone" as const), id: fc.constantFrom(...ids) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("suspect" as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.constant({ do: "lose" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 3_000 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Place {
  readonly number: number;
  readonly leave: () => void;
}

/** Plays a history and checks after each step what must always hold. */
class Play {
  readonly clock = new FakeClock();
  readonly poolmgr = new FakePoolmgr();
  readonly held: Lease[] = [];
  readonly waiting: Place[] = [];
  readonly served: number[] = [];
  #number = 0;
  readonly table = new SlotTable({
    link: this.poolmgr,
    clock: this.clock,
    logger: silentLogger,
    maxWaitingPerFunction: 1_000,
    connect: ({ address }) => new Connections(address, defaultConnectionSettings, this.clock),
  });

  async run(steps: readonly Step[]): Promise<void> {
    this.table.start();
    for (const one of steps) {
      await this.#do(one);
      await settled();
      this.#check();
    }
    await this.#end();
  }

  async #do(one: Step): Promise<void> {
    switch (one.do) {
      case "request":
        this.#request();
        return;
      case "release":
        this.held.splice(one.which % Math.max(1, this.held.length), 1)[0]?.release();
        return;
      case "grant":
        this.#grant(one.id, one.slots);
        return;
      case "withdraw":
        this.poolmgr.withdraw(one.id);
        return;
      case "gone":
        this.poolmgr.gone(one.id);
        return;
      case "leave":
        this.waiting.splice(one.which % Math.max(1, this.waiting.length), 1)[0]?.leave();
        return;
      case "suspect": {
        const lease = this.held[one.which % Math.max(1, this.held.length)];
        if (lease !== undefined) this.table.suspect(lease.slots, "NO_CONNECTION");
        return;
      }
      case "lose":
        this.poolmgr.lose();
        // What was said on the old stream is forgotten with it.
        this.poolmgr.received.length = 0;
        return;
      case "pass":
        return this.clock.pass(one.ms);
    }
  }

  #grant(id: string, slots: number): void {
    this.poolmgr.grant({ functionId: "fn", version: 1, id, address: "127.0.0.1:1", key: id, contract: "FERMI", slots });
  }

  #request(): void {
    const number = this.#number++;
    const lease = this.table.tryAcquire(target);
    if (lease !== undefined) {
      expect(this.waiting).toEqual([]);
      this.held.push(lease);
      return;
    }
    const wait = this.table.wait(target, 1e9);
    const place = { number, leave: () => wait.leave() };
    this.waiting.push(place);
    void wait.lease.then((given) => {
      if (given === undefined) return;
      // Whoever is served is the one who has waited longest.
      expect(this.waiting[0]?.number).toBe(number);
      this.waiting.shift();
      this.held.push(given);
    });
  }

  #check(): void {
    const inFlight = new Map<Lease["slots"], number>();
    for (const { slots } of this.held) inFlight.set(slots, (inFlight.get(slots) ?? 0) + 1);
    for (const [slots, count] of inFlight) expect(slots.inFlight).toBe(count);
    expect(this.table.waiting("fn")).toBe(this.waiting.length);
  }

  /** With room for everybody, everybody is served, and in the end nothing is in flight. */
  async #end(): Promise<void> {
    await this.clock.pass(10_000);
    this.#grant("roomy", 1_000);
    await settled();
    expect(this.waiting).toEqual([]);
    const instances = new Set(this.held.map(({ slots }) => slots));
    for (const lease of this.held.splice(0)) lease.release();
    await this.clock.pass(1_000);
    for (const slots of instances) expect(slots.inFlight).toBe(0);
    const last = this.poolmgr.of("DEMAND").at(-1);
    expect(last?.waiting ?? 0).toBe(0);
    this.table.stop();
  }
}

describe("SlotTable under any history", () => {
  it("loses and doubles no slot, overtakes nobody, and serves all in the end", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), (steps) => new Play().run(steps)),
      { numRuns: 300 },
    );
  });

  it("never has more in an instance than it was granted, and refuses no request while there is room", async () => {
    const arrivals = fc.array(fc.boolean(), { maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        arrivals,
        async (count, slots, isRequest) => {
          const { table, poolmgr } = new Play();
          const held: Lease[] = [];
          table.start();
          for (const id of ids.slice(0, count)) {
            poolmgr.grant({
              functionId: "fn",
              version: 1,
              id,
              address: "127.0.0.1:1",
              key: id,
              contract: "FERMI",
              slots,
            });
          }
          for (const isOne of isRequest) {
            const lease = isOne ? table.tryAcquire(target) : undefined;
            if (lease !== undefined) held.push(lease);
            else if (isOne) expect(held).toHaveLength(count * slots);
            else held.shift()?.release();
            expect(held.every(({ slots: { inFlight } }) => inFlight <= slots)).toBe(true);
          }
          await settled();
          expect(poolmgr.of("DEMAND")).toEqual([]);
          table.stop();
        },
      ),
      { numRuns: 100 },
    );
  });
});
