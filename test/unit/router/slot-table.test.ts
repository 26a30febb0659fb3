import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { AppError } from "../../../src/errors/app-error.js";
import { silentLogger } from "../../../src/lib/logger.js";
import type { GrantedInstance } from "../../../src/poolmgr/router-link.js";
import { keyedTarget } from "../../../src/router/callee.js";
import { Connections, defaultConnectionSettings } from "../../../src/router/connections.js";
import type { Lease } from "../../../src/router/target-slots.js";
import { SlotTable } from "../../../src/router/slot-table.js";
import { FakePoolmgr } from "../../router/support/fake-poolmgr.js";
import { FakeClock, settled } from "../poolmgr/support/fake-clock.js";

const target = keyedTarget("fn", 1);
const anInstance = (id: string, slots = 1, change: Partial<GrantedInstance> = {}): GrantedInstance => ({
  functionId: "fn",
  version: 1,
  id,
  address: "127.0.0.1:1",
  key: `key-of-${id}`,
  contract: "FERMI",
  slots,
  ...change,
});

describe("SlotTable", () => {
  let clock: FakeClock;
  let poolmgr: FakePoolmgr;
  let table: SlotTable;

  beforeEach(() => {
    clock = new FakeClock();
    poolmgr = new FakePoolmgr();
    table = new SlotTable({
      link: poolmgr,
      clock,
      logger: silentLogger,
      maxWaitingPerFunction: 3,
      connect: ({ address }) => new Connections(address, defaultConnectionSettings, clock),
    });
    table.start();
  });
  afterEach(() => table.stop());

  const take = (): Lease => {
    const lease = table.tryAcquire(target);
    if (lease === undefined) throw new Error("no slot is free");
    return lease;
  };
  const waitFor = (timeoutMs = 1_000) => {
    const wait = table.wait(target, timeoutMs);
    const seen: { lease?: Lease | undefined; error?: AppError; isOver: boolean } = { isOver: false };
    wait.lease.then(
      (lease) => Object.assign(seen, { lease, isOver: true }),
      (error: unknown) => Object.assign(seen, { error, isOver: true }),
    );
    return { seen, leave: () => wait.leave() };
  };

  it("fills the instance that was used last before it takes another", () => {
    poolmgr.grant(anInstance("a", 2));
    poolmgr.grant(anInstance("b", 2));
    const ids = [take(), take(), take()].map(({ instance }) => instance.id);
    expect(ids).toEqual(["b", "b", "a"]);
  });

  it("picks the instance whose slot came free last", () => {
    for (const id of ["a", "b", "c"]) poolmgr.grant(anInstance(id));
    const [c, b, a] = [take(), take(), take()];
    a.release();
    c.release();
    b.release();
    expect(take().instance.id).toBe("b");
  });

  it("throws when a slot is released twice", () => {
    poolmgr.grant(anInstance("a"));
    const lease = take();
    lease.release();
    expect(() => lease.release()).toThrow(/twice/);
  });

  it("hands a slot that comes free to whoever has waited longest", async () => {
    poolmgr.grant(anInstance("a"));
    const lease = take();
    const [first, second] = [waitFor(), waitFor()];
    lease.release();
    await settled();
    expect([first.seen.isOver, second.seen.isOver]).toEqual([true, false]);
    expect(first.seen.lease?.coldStart).toBe(false);
    first.seen.lease?.release();
    await settled();
    expect(second.seen.lease?.instance.id).toBe("a");
  });

  it("gives a new instance's slots to all who wait, and calls that a cold start", async () => {
    const waits = [waitFor(), waitFor(), waitFor()];
    poolmgr.grant(anInstance("a", 2));
    await settled();
    expect(waits.map(({ seen }) => seen.lease?.coldStart)).toEqual([true, true, undefined]);
  });

  it("tells the demand once per turn, while somebody waits and once when nobody does any more", async () => {
    const waits = [waitFor(), waitFor(), waitFor()];
    await settled();
    expect(poolmgr.of("DEMAND")).toEqual([
      { type: "DEMAND", target: { functionId: "fn", version: 1 }, inFlight: 0, waiting: 3 },
    ]);
    poolmgr.grant(anInstance("a", 2));
    await settled();
    expect(poolmgr.of("DEMAND").at(-1)).toMatchObject({ inFlight: 2, waiting: 1 });
    waits[0]?.seen.lease?.release();
    await settled();
    expect(poolmgr.of("DEMAND").at(-1)).toMatchObject({ inFlight: 2, waiting: 0 });
    waits[1]?.seen.lease?.release();
    await settled();
    expect(poolmgr.of("DEMAND")).toHaveLength(3);
  });

  it("refuses to let more wait than it may, all versions of a function together", async () => {
    const waits = [waitFor(), waitFor()];
    void table.wait(keyedTarget("fn", 2), 1_000).lease.catch(() => {});
    expect(() => table.wait(target, 1_000)).toThrow(expect.objectContaining({ code: "QUEUE_FULL" }));
    waits[0]?.leave();
    expect(() => waitFor()).not.toThrow();
    expect(table.waiting("fn")).toBe(3);
  });

  it("gives whoever had a slot in vain its place back, before those that came later, however many they are", async () => {
    await clock.pass(10);
    const arrivedMs = clock.monotonicMs() - 5;
    const later = [waitFor(), waitFor(), waitFor()];
    const order: string[] = [];
    void table.wait(target, 1_000, arrivedMs).lease.then(() => order.push("again"));
    void table.wait(target, 1_000, arrivedMs - 1).lease.then(() => order.push("again, earlier"));
    expect(() => table.wait(target, 1_000)).toThrow(expect.objectContaining({ code: "QUEUE_FULL" }));
    poolmgr.grant(anInstance("a", 2));
    await settled();
    expect(order).toEqual(["again, earlier", "again"]);
    expect(later.every(({ seen }) => !seen.isOver)).toBe(true);
  });

  it("ends a wait when its time is up, with the reason that is true", async () => {
    const alone = waitFor(500);
    await clock.pass(499);
    expect(alone.seen.isOver).toBe(false);
    await clock.pass(1);
    expect(alone.seen.error).toMatchObject({ code: "QUEUE_FULL", retryAfterSeconds: 1 });
    expect(alone.seen.error?.message).toBe("No instance of this function came up within the time limit.");
    poolmgr.grant(anInstance("a"));
    take();
    const busy = waitFor(500);
    await clock.pass(500);
    expect(busy.seen.error?.code).toBe("QUEUE_FULL");
    expect(busy.seen.error?.message).toMatch(/^Every instance of this function was busy/);
    expect(table.waiting("fn")).toBe(0);
  });

  it("says that the code was loading still, for as long as it is known to", async () => {
    const times = async (): Promise<AppError | undefined> => {
      const { seen } = waitFor(500);
      await clock.pass(500);
      return seen.error;
    };
    poolmgr.prepare(anInstance("a"));
    await clock.pass(5_500);
    const slow = await times();
    expect(slow).toMatchObject({ code: "FUNCTION_TIMEOUT", message: expect.stringContaining("loading for 6.0 s") });
    poolmgr.prepare(anInstance("b"));
    poolmgr.gone("a");
    expect(await times()).toMatchObject({ message: expect.stringContaining("loading for 0.5 s") });
    poolmgr.gone("b");
    expect(await times()).toMatchObject({ code: "QUEUE_FULL" });
    poolmgr.prepare(anInstance("c"));
    poolmgr.grant(anInstance("c", 0));
    expect(await times()).toMatchObject({ code: "QUEUE_FULL", message: expect.stringContaining("was busy") });
    poolmgr.prepare(anInstance("d", 1, { version: 2 }));
    poolmgr.withdraw("c");
    expect(await times()).toMatchObject({ message: expect.stringContaining("came up") });
    poolmgr.prepare(anInstance("e"));
    poolmgr.lose();
    await clock.pass(1_000);
    expect(await times()).toMatchObject({ code: "QUEUE_FULL" });
  });

  it("blames the cluster for a wait whose time is up while the stream is lost, and only then", async () => {
    poolmgr.isAway = true;
    poolmgr.lose();
    const lost = waitFor(500);
    await clock.pass(500);
    expect(lost.seen.error?.code).toBe("CLUSTER_UNAVAILABLE");
    poolmgr.isAway = false;
    await clock.pass(5_000);
    const found = waitFor(500);
    await clock.pass(500);
    expect(found.seen.error?.code).toBe("QUEUE_FULL");
  });

  it("lets a caller leave, once and for all", async () => {
    const { seen, leave } = waitFor();
    leave();
    leave();
    poolmgr.grant(anInstance("a"));
    await settled();
    expect(seen).toEqual({ lease: undefined, isOver: true });
    expect(take().instance.id).toBe("a");
  });

  it("answers everybody with poolmgr's refusal, and only those of its target", async () => {
    const [one, two] = [waitFor(), waitFor()];
    poolmgr.refuse({ functionId: "fn", version: 2 }, { code: "INTERNAL", message: "not you" });
    poolmgr.refuse(target, { code: "LOAD_FAILED", message: "line 3", retryAfterSeconds: 7 });
    await settled();
    for (const { seen } of [one, two])
      expect(seen.error).toMatchObject({ code: "LOAD_FAILED", message: "line 3", retryAfterSeconds: 7 });
    expect(poolmgr.of("DEMAND").at(-1)?.waiting ?? 0).toBe(0);
  });

  it("tells usage every 200 ms at most, of what changed only", async () => {
    poolmgr.grant(anInstance("a", 2));
    poolmgr.grant(anInstance("b", 2));
    const lease = take();
    take().release();
    await clock.pass(200);
    expect(poolmgr.of("USAGE")).toEqual([
      { type: "USAGE", instances: [{ instanceId: "b", inFlight: 1, idleMs: 200 }] },
    ]);
    await clock.pass(1_000);
    expect(poolmgr.of("USAGE")).toHaveLength(1);
    lease.release();
    await clock.pass(200);
    expect(poolmgr.of("USAGE").at(-1)?.instances).toEqual([{ instanceId: "b", inFlight: 0, idleMs: 200 }]);
  });

  it("takes no request beyond a grant that became smaller, and says at once what it still has beyond it", async () => {
    poolmgr.grant(anInstance("a", 3));
    const leases = [take(), take()];
    const told = async (): Promise<number | undefined> => {
      await clock.pass(0);
      return poolmgr.of("USAGE").at(-1)?.instances[0]?.inFlight;
    };
    poolmgr.grant(anInstance("a", 1));
    expect(await told()).toBe(2);
    leases[0]?.release();
    expect(await told()).toBe(1);
    expect(table.tryAcquire(target)).toBeUndefined();
    leases[1]?.release();
    expect(await told()).toBe(1);
    await clock.pass(200);
    expect(await told()).toBe(0);
    expect(table.tryAcquire(target)).toBeDefined();
  });

  it("says at once what it has in flight when it is granted what it has", async () => {
    poolmgr.grant(anInstance("a", 1));
    take();
    poolmgr.grant(anInstance("a", 1));
    await clock.pass(0);
    expect(poolmgr.of("USAGE").at(-1)?.instances).toEqual([{ instanceId: "a", inFlight: 1, idleMs: 0 }]);
  });

  it("gives a withdrawn instance back when its last request has ended", () => {
    poolmgr.grant(anInstance("a", 2));
    const leases = [take(), take()];
    poolmgr.withdraw("a");
    leases[0]?.release();
    expect(table.tryAcquire(target)).toBeUndefined();
    expect(poolmgr.of("RELEASED")).toEqual([]);
    leases[1]?.release();
    expect(poolmgr.of("RELEASED")).toEqual([{ type: "RELEASED", instanceId: "a" }]);
    poolmgr.withdraw("a");
    expect(poolmgr.of("RELEASED")).toHaveLength(2);
  });

  it("takes an instance back into use that is granted again before it was given back", () => {
    poolmgr.grant(anInstance("a", 2));
    const lease = take();
    poolmgr.withdraw("a");
    poolmgr.grant(anInstance("a", 2));
    expect(take().instance.id).toBe("a");
    expect(table.tryAcquire(target)).toBeUndefined();
    lease.release();
    expect(poolmgr.of("RELEASED")).toEqual([]);
  });

  it("leaves a suspect alone until poolmgr grants it again, or for two seconds", async () => {
    poolmgr.grant(anInstance("a", 5));
    const lease = take();
    table.suspect(lease.slots, "NO_CONNECTION");
    expect(table.tryAcquire(target)).toBeUndefined();
    const waiting = waitFor(5_000);
    await clock.pass(2_000);
    expect(waiting.seen.lease?.instance.id).toBe("a");
    table.suspect(lease.slots, "NO_CONNECTION");
    poolmgr.grant(anInstance("a", 5));
    expect(table.tryAcquire(target)).toBeDefined();
    table.suspect(lease.slots, "TIMED_OUT");
    await clock.pass(60_000);
    expect(table.tryAcquire(target)).toBeUndefined();
    expect(poolmgr.of("SUSPECT").map(({ reason }) => reason)).toEqual(["NO_CONNECTION", "NO_CONNECTION", "TIMED_OUT"]);
  });

  it("goes on with an instance of which one connection broke", () => {
    poolmgr.grant(anInstance("a", 5));
    table.suspect(take().slots, "CRASHED");
    expect(table.tryAcquire(target)).toBeDefined();
  });

  it("forgets an instance that is gone, and takes back its leases in peace", () => {
    poolmgr.grant(anInstance("a", 2));
    const lease = take();
    poolmgr.gone("a");
    expect(table.tryAcquire(target)).toBeUndefined();
    lease.release();
    expect(poolmgr.of("RELEASED")).toEqual([]);
    expect(table.tryAcquire(target)).toBeUndefined();
  });

  it("takes an id at another address for another instance", () => {
    poolmgr.grant(anInstance("a"));
    const lease = take();
    poolmgr.grant(anInstance("a", 1, { address: "127.0.0.1:2" }));
    expect(take().instance.address).toBe("127.0.0.1:2");
    lease.release();
    expect(table.tryAcquire(target)).toBeUndefined();
  });

  it("opens a lost stream again with growing pauses, and begins with what the snapshot says", async () => {
    poolmgr.grant(anInstance("a"));
    poolmgr.grant(anInstance("b"));
    const [b, a] = [take(), take()];
    poolmgr.isAway = true;
    poolmgr.lose();
    poolmgr.instances = [anInstance("a"), anInstance("c")];
    const waiting = waitFor(60_000);
    await clock.pass(1_000);
    expect(waiting.seen.isOver).toBe(false);
    poolmgr.received.length = 0;
    poolmgr.isAway = false;
    await clock.pass(2_000);
    expect(poolmgr.opened).toBe(2);
    expect(waiting.seen.lease?.instance.id).toBe("c");
    expect(
      poolmgr
        .of("USAGE")
        .at(-1)
        ?.instances.map(({ instanceId }) => instanceId),
    ).toEqual(expect.arrayContaining(["a", "c"]));
    b.release();
    expect(poolmgr.of("RELEASED")).toEqual([{ type: "RELEASED", instanceId: "b" }]);
    a.release();
    expect(take().instance.id).toBe("a");
  });

  it("says on each stream what it holds, and goes on with it until there is a snapshot", async () => {
    for (const id of ["a", "b", "c"]) poolmgr.grant(anInstance(id, 2));
    const [lease] = [take()];
    poolmgr.withdraw(lease.instance.id);
    take();
    poolmgr.lose();
    poolmgr.isAway = true;
    await clock.pass(5_000);
    // Warm, with nobody to ask.
    take().release();
    poolmgr.isAway = false;
    await clock.pass(1_000);
    const [before, after] = poolmgr.hellos;
    expect(before).toMatchObject({ holdings: [] });
    expect(after?.routerId).toBe(before?.routerId);
    expect(after?.holdings).toEqual([
      { instanceId: "a", slots: 2, inFlight: 0 },
      { instanceId: "b", slots: 2, inFlight: 1 },
      { instanceId: "c", slots: 0, inFlight: 1 },
    ]);
  });

  it("tells the next pool manager too of an instance that is stuck, and sends nothing there", async () => {
    poolmgr.grant(anInstance("a", 2));
    const lease = take();
    table.suspect(lease.slots, "TIMED_OUT");
    poolmgr.received.length = 0;
    poolmgr.lose();
    await clock.pass(100);
    expect(poolmgr.of("SUSPECT")).toEqual([{ type: "SUSPECT", instanceId: "a", reason: "TIMED_OUT" }]);
    expect(table.tryAcquire(target)).toBeUndefined();
  });

  it("refuses whoever waits when it is stopped, and opens no stream any more", async () => {
    const { seen } = waitFor();
    table.stop();
    await clock.pass(10_000);
    expect(seen.error?.code).toBe("CLUSTER_UNAVAILABLE");
    expect(poolmgr.opened).toBe(1);
  });
});
