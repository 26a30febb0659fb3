import { afterEach, describe, expect, it } from "@jest/globals";
import { aFunction, anEnvironment } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { Stage, type StageOptions } from "./support/stage.js";

describe("PoolManager", () => {
  let stage: Stage;
  const up = async (options?: StageOptions): Promise<Stage> => (stage = await Stage.up(options));
  afterEach(() => stage.down());

  it("keeps the environment's pool warm", async () => {
    await up();
    expect(stage.count("WARM")).toBe(3);
  });

  it("serves a first request from a warm instance and refills the pool", async () => {
    const { router } = await up();
    router.request("fn", 1);
    await settled();
    expect(router.inFlight("fn")).toBe(1);
    expect(stage.count("READY")).toBe(1);
    expect(stage.count("WARM")).toBe(3);
    expect(stage.coldStarts).toHaveLength(1);
  });

  it("tells the router that waits of the instance before it is specialized, and then grants it", async () => {
    const { router, clock } = await up({ driver: { specializeDelayMs: 5 } });
    router.request("fn", 1);
    await settled();
    const [claimed] = stage.instances();
    const told = router.got.filter(({ type }) => type !== "SNAPSHOT");
    expect(told).toMatchObject([
      { type: "PREPARE", instance: { id: claimed, functionId: "fn", version: 1, slots: 1 } },
    ]);
    await clock.pass(5);
    const granted = router.got.find(({ type }) => type === "GRANT");
    expect(granted).toEqual({ ...told[0], type: "GRANT" });
    expect(router.inFlight("fn")).toBe(1);
  });

  it("serves 100 first requests at once with 10 instances where each takes 10", async () => {
    const { router } = await up({ functions: [aFunction({ settings: { requestsPerInstance: 10 } })] });
    router.request("fn", 1, 100);
    await settled();
    expect(router.inFlight("fn")).toBe(100);
    expect(stage.instances()).toHaveLength(10);
    expect(stage.driver.specializations).toHaveLength(10);
  });

  it("starts all missing instances at once", async () => {
    const { router } = await up({ driver: { startDelayMs: 30, specializeDelayMs: 5 } });
    await stage.clock.pass(30);
    router.request("fn", 1, 5);
    await stage.clock.pass(35);
    expect(router.inFlight("fn")).toBe(5);
  });

  it("calls off instances that nobody waits for any more, so that others' cold starts need not wait behind them", async () => {
    const { router, clock } = await up({
      environments: [anEnvironment({ poolSize: 1 })],
      functions: [aFunction({ id: "fn" }), aFunction({ id: "other" })],
      driver: { startDelayMs: 1_000 },
    });
    await clock.pass(1_000);
    router.request("fn", 1, 60);
    await settled();
    expect(stage.claimsWaiting).toBe(59);
    for (let i = 0; i < 60; i++) {
      router.finish(router.usable("fn")[0] as string);
      await settled();
    }
    expect(router.inFlight("fn")).toBe(0);
    expect(stage.claimsWaiting).toBe(0);
    router.request("other", 1);
    await clock.pass(1_000);
    expect(router.inFlight("other")).toBe(1);
    expect(stage.instances()).toHaveLength(1);
  });

  it("reaches the driver before the router's word returns", async () => {
    const { router } = await up({ environments: [anEnvironment({ poolSize: 1 })] });
    router.request("fn", 1);
    const claimed = stage.manager.view.pools().flatMap((pool) => pool.instances);
    expect(claimed.map(({ state }) => state).sort()).toEqual(["SPECIALIZING", "WARM"]);
  });
});
