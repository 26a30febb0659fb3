import { afterEach, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../../src/lib/logger.js";
import { keyedTarget } from "../../../src/router/callee.js";
import type { Connections } from "../../../src/router/connections.js";
import { SlotTable } from "../../../src/router/slot-table.js";
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
    const connections = { dialAhead: () => {}, close: () => {}, destroy: () => {} } as unknown as Connections;
    table = new SlotTable({
      ...{ link: stage.manager.hub, clock: stage.clock, logger: silentLogger },
      connect: () => connections,
      maxWaitingPerFunction: 1_000,
    });
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
});
