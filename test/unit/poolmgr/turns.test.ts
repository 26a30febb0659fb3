import { afterEach, describe, expect, it } from "@jest/globals";
import { keyedTarget } from "../../../src/router/callee.js";
import type { SlotTable } from "../../../src/router/slot-table.js";
import { aSlotTable } from "./support/a-slot-table.js";
import { aFunction, anEnvironment } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { Stage } from "./support/stage.js";

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `fn${index}`);
/** As long as a process takes. */
const driver = { startDelayMs: 150, specializeDelayMs: 20 };
const settings = { requestsPerInstance: 1 };

describe("PoolManager with more functions in use than the machine has room for", () => {
  let stage: Stage;
  let table: SlotTable;
  const up = async (functions: Parameters<typeof aFunction>[0][]): Promise<void> => {
    const environments = [anEnvironment({ poolSize: 2 })];
    stage = await Stage.up({ driver, environments, functions: functions.map(aFunction), maxInstances: 4 });
    stage.router.close();
    table = aSlotTable(stage);
    table.start();
    await stage.clock.pass(2_000);
  };
  afterEach(async () => {
    table.stop();
    await stage.down();
  });
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void stage.clock.after(ms, resolve));
  /** Waits for a slot, works, gives it back; how long that took in all. */
  const call = async (functionId: string, workMs: number): Promise<number> => {
    const sinceMs = stage.clock.monotonicMs();
    const target = keyedTarget(functionId, 1);
    const lease = table.tryAcquire(target) ?? (await table.wait(target, 60_000).lease);
    await sleep(workMs);
    lease?.release();
    return stage.clock.monotonicMs() - sinceMs;
  };
  /** One caller: the next call `everyMs` after the last began, or when it has ended. Times of all that have ended. */
  const callAgainAndAgain = (functionId: string, { workMs = 1, everyMs = 0, forMs = 8_000 }): number[] => {
    const took: number[] = [];
    const endMs = stage.clock.monotonicMs() + forMs;
    const next = async (): Promise<void> => {
      const ms = await call(functionId, workMs);
      if (stage.clock.monotonicMs() > endMs) return;
      took.push(ms);
      await sleep(Math.max(0, everyMs - ms));
      void next();
    };
    void next();
    return took;
  };

  it("gives eight functions whose callers never pause turns of about the same length", async () => {
    await up(names(8).map((id) => ({ id, settings })));
    const took = names(8).map((id) => callAgainAndAgain(id, { workMs: 100 }));
    await stage.clock.pass(10_000);
    const counts = took.map(({ length }) => length);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(15);
    expect(Math.max(...counts)).toBeLessThanOrEqual(1.5 * Math.min(...counts));
    expect(Math.max(...took.flat())).toBeLessThan(2_000);
  });

  it("lets no idle instance hold out against who waits, nor those that minInstances keep", async () => {
    const kept = ["kept0", "kept1"].map((id) => ({ id, settings: { ...settings, minInstances: 1 } }));
    await up([...kept, ...names(5).map((id) => ({ id, settings }))]);
    const took = names(4).map((id) => callAgainAndAgain(id, { everyMs: 300, forMs: 10_000 }));
    await stage.clock.pass(3_000);
    let fifth = Infinity;
    void call("fn4", 1).then((ms) => (fifth = ms));
    await stage.clock.pass(9_000);
    expect(fifth).toBeLessThan(1_500);
    const counts = took.map(({ length }) => length);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(8);
    expect(Math.max(...took.flat())).toBeLessThan(1_500);
    expect(kept.flatMap(({ id }) => stage.instances(id)).length).toBeLessThan(kept.length);
  });

  it("serves eight requests of eight functions in two rounds", async () => {
    await up(names(8).map((id) => ({ id, settings })));
    const took: number[] = [];
    for (const id of names(8)) void call(id, 1_000).then((ms) => took.push(ms));
    await stage.clock.pass(3_000);
    expect(took).toHaveLength(8);
    expect(took.filter((ms) => ms < 1_300)).toHaveLength(4);
  });

  it("moves nothing where nobody waits", async () => {
    await up(names(4).map((id) => ({ id, settings })));
    await Promise.all([Promise.all(names(4).map((id) => call(id, 1_000))), stage.clock.pass(5_000)]);
    const before = names(4).flatMap((id) => stage.instances(id));
    const took = names(4).map((id) => callAgainAndAgain(id, { workMs: 100 }));
    await stage.clock.pass(10_000);
    expect(before).toHaveLength(4);
    expect(names(4).flatMap((id) => stage.instances(id))).toEqual(before);
    expect(took.flat().every((ms) => ms === 100)).toBe(true);
  });

  it("gives the place of an instance that was let go to who waits at once, however long its grace", async () => {
    await up(names(5).map((id) => ({ id, settings })));
    await Promise.all([Promise.all(names(4).map((id) => call(id, 1))), stage.clock.pass(1_000)]);
    const graces: number[] = [];
    const end = stage.driver.end.bind(stage.driver);
    stage.driver.end = (id, graceMs) => {
      graces.push(graceMs);
      return end(id, graceMs);
    };
    let took = Infinity;
    void call("fn4", 1).then((ms) => (took = ms));
    await stage.clock.pass(200);
    await settled();
    expect(took).toBeLessThanOrEqual(driver.startDelayMs + driver.specializeDelayMs + 1);
    expect(graces).toEqual([1_000]);
  });
});
