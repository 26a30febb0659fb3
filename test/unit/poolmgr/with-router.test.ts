import { afterEach, describe, expect, it } from "@jest/globals";
import { settleLease } from "../../../src/router/acquire.js";
import { keyedTarget } from "../../../src/router/callee.js";
import type { SlotTable } from "../../../src/router/slot-table.js";
import { aSlotTable } from "./support/a-slot-table.js";
import { aFunction } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { Stage } from "./support/stage.js";

const target = keyedTarget("fn", 1);

describe("PoolManager with the router's own slot table", () => {
  let stage: Stage;
  let table: SlotTable;
  const up = async (settings: Parameters<typeof aFunction>[0] = {}): Promise<void> => {
    stage = await Stage.up({ functions: [aFunction(settings)] });
    stage.router.close();
    table = aSlotTable(stage);
    table.start();
    await settled();
  };
  afterEach(async () => {
    table.stop();
    await stage.down();
  });
  const leases = async (count: number) => {
    const got = await Promise.all(Array.from({ length: count }, () => table.wait(target, 60_000).lease));
    return got.filter((lease) => lease !== undefined);
  };

  it("serves 100 first requests at once with 10 instances where each takes 10", async () => {
    await up({ settings: { requestsPerInstance: 10 } });
    const got = await leases(100);
    expect(stage.instances()).toHaveLength(10);
    expect(got.every(({ coldStart }) => coldStart)).toBe(true);
    for (const lease of got) lease.release();
    const warm = table.tryAcquire(target);
    expect(warm?.coldStart).toBe(false);
    warm?.release();
  });

  it("lets instances that nobody uses go, and starts others for the next request", async () => {
    await up({ settings: { idleTimeoutSeconds: 5 } });
    const [lease] = await leases(1);
    await stage.clock.pass(60_000);
    expect(stage.instances()).toHaveLength(1);
    lease?.release();
    await stage.clock.pass(7_000);
    expect(stage.instances()).toHaveLength(0);
    expect(table.tryAcquire(target)).toBeUndefined();
    (await leases(1))[0]?.release();
  });

  it("lets requests finish in a withdrawn instance, and takes no new one there", async () => {
    await up();
    const [lease] = await leases(1);
    await stage.change([]);
    expect(stage.count("DRAINING")).toBe(1);
    expect(table.tryAcquire(target)).toBeUndefined();
    lease?.release();
    await settled();
    expect(stage.count("DRAINING")).toBe(0);
  });

  it("replaces an instance that says it is busy for seconds on end while no request is in it", async () => {
    await up({ settings: { requestsPerInstance: 4 } });
    const [lease] = await leases(1);
    const [stuck] = stage.instances();
    const refused = async (): Promise<void> => {
      const next = table.tryAcquire(target) ?? (await leases(1))[0];
      if (next === undefined || next.instance.id !== stuck) return next?.release();
      settleLease(next, { type: "NOT_RUN", because: "BUSY" }, { slots: table, clock: stage.clock });
      await stage.clock.pass(1_000);
    };
    for (let second = 0; second < 8; second++) await refused();
    expect(stage.instances()).toEqual([stuck]);
    lease?.release();
    for (let second = 0; second < 8; second++) await refused();
    expect(stage.instances()).toHaveLength(1);
    expect(stage.instances()).not.toContain(stuck);
    expect(stage.events[0]?.message).toContain("took no request");
  });
});

describe("PoolManager with two routers' own slot tables", () => {
  let stage: Stage;
  let tables: SlotTable[] = [];
  afterEach(async () => {
    for (const table of tables) table.stop();
    await stage.down();
  });
  const up = async (requestsPerInstance: number, maxInstances = 10): Promise<[SlotTable, SlotTable]> => {
    stage = await Stage.up({ functions: [aFunction({ settings: { requestsPerInstance, maxInstances } })] });
    stage.router.close();
    const made: [SlotTable, SlotTable] = [aSlotTable(stage), aSlotTable(stage)];
    tables = made;
    for (const table of made) table.start();
    await settled();
    return made;
  };
  const acquire = async (table: SlotTable) => table.tryAcquire(target) ?? (await table.wait(target, 1_000).lease);

  it("has one instance go to and fro between them, and starts no other one, while they call in turn", async () => {
    const [one, other] = await up(1);
    for (let at = 0; at < 200; at++) {
      const lease = await acquire(at % 24 < 12 ? one : other);
      // What is reported every 200 ms falls into one of these requests, and is no more true when the other router asks.
      await stage.clock.pass(19);
      lease?.release();
      await stage.clock.pass(at % 3);
    }
    expect(stage.instances()).toHaveLength(1);
  });

  it("starts as many as their requests need together, and hands each the slots that it needs", async () => {
    const [one, other] = await up(2);
    const leases = await Promise.all([one, other, one, other, other].map(acquire));
    expect(leases.every((lease) => lease !== undefined)).toBe(true);
    expect(stage.instances()).toHaveLength(3);
    for (const lease of leases) lease?.release();
    const again = await Promise.all([one, one, one, one, one, one].map(acquire));
    expect(again.every((lease) => lease !== undefined)).toBe(true);
    expect(stage.instances()).toHaveLength(3);
  });

  it("lets them take turns at the only slot there is, and keeps no caller of either waiting for long", async () => {
    const waits = [0, 0];
    const callAgain = async (table: SlotTable, of: number): Promise<void> => {
      const sinceMs = stage.clock.monotonicMs();
      const lease = await acquire(table);
      waits[of] = Math.max(waits[of] ?? 0, stage.clock.monotonicMs() - sinceMs);
      stage.clock.after(10, () => {
        lease?.release();
        if (stage.clock.monotonicMs() < endMs) void callAgain(table, of);
      });
    };
    const tables = await up(1, 1);
    const endMs = stage.clock.monotonicMs() + 5_000;
    tables.forEach((table, of) => void callAgain(table, of));
    await stage.clock.pass(6_000);
    expect(Math.max(...waits)).toBeLessThan(500);
    expect(stage.instances()).toHaveLength(1);
  });

  it("starts one more where the other router's request goes on", async () => {
    const [one, other] = await up(1);
    await acquire(one);
    await stage.clock.pass(250);
    const waiting = other.wait(target, 2_000).lease;
    expect(await waiting).toBeDefined();
    expect(stage.instances()).toHaveLength(2);
  });
});
