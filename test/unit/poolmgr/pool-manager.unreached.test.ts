/** Instances to which a router can't connect. */
import { afterEach, describe, expect, it } from "@jest/globals";
import type { RunSettings } from "../../../src/model/function.js";
import { aFunction } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { FakeRouter } from "./support/fake-router.js";
import { Stage, type StageOptions } from "./support/stage.js";

describe("PoolManager, of whose instances a router reaches none", () => {
  let stage: Stage;
  const up = async (options?: StageOptions): Promise<Stage> => (stage = await Stage.up(options));
  /** One of two routers has two requests in the only instance, which takes connections as poolmgr sees it. */
  const usedByOneOfTwo = async (settings: Partial<RunSettings>) => {
    const { router, clock } = await up({ isReachable: true, functions: [aFunction({ settings })] });
    const second = new FakeRouter(stage.manager.hub, clock);
    second.open();
    router.request("fn", 1, 2);
    await settled();
    const [first = ""] = stage.instances();
    return { router, second, clock, first };
  };
  afterEach(() => stage.down());

  it("takes an instance that a router can't connect to out of service, ends and replaces it", async () => {
    const { router, clock } = await up();
    router.request("fn", 1);
    await clock.pass(1_000);
    const [first = ""] = stage.instances();
    router.send({ type: "SUSPECT", instanceId: first, reason: "NO_CONNECTION" });
    await settled();
    router.finish(first);
    router.request("fn", 1);
    await settled();
    expect(router.usable("fn")).not.toContain(first);
    expect(router.inFlight("fn")).toBe(1);
    await clock.pass(300);
    expect(stage.instances()).not.toContain(first);
  });

  it("ends what can't be reached after five seconds also while a router says that requests are in it", async () => {
    const { router, clock } = await up();
    router.request("fn", 1);
    await settled();
    const [first = ""] = stage.instances();
    router.send({ type: "SUSPECT", instanceId: first, reason: "NO_CONNECTION" });
    await clock.pass(6_000);
    expect(stage.instances()).toEqual([]);
    expect(router.failed).toBe(1);
  });

  it("leaves an instance to the others that one router alone can't connect to, and counts no crash", async () => {
    const { router, second, clock, first } = await usedByOneOfTwo({ requestsPerInstance: 4, maxInstances: 1 });
    second.send({ type: "SUSPECT", instanceId: first, reason: "NO_CONNECTION" });
    await clock.pass(60_000);
    expect(stage.instances()).toEqual([first]);
    expect(router.usable("fn")).toEqual([first]);
    expect([router.failed, stage.failures, stage.events]).toEqual([0, [], []]);
    second.close();
  });

  it("replaces an instance that no router can connect to, though it can, and lets its requests end", async () => {
    const { router, second, clock, first } = await usedByOneOfTwo({ requestsPerInstance: 2 });
    for (const each of [router, second]) each.send({ type: "SUSPECT", instanceId: first, reason: "NO_CONNECTION" });
    await clock.pass(20_000);
    expect(router.usable("fn")).not.toContain(first);
    expect(stage.instances()).toEqual([first]);
    router.finishAll();
    await clock.pass(300);
    expect(stage.instances()).toEqual([]);
    expect([router.failed, stage.failures]).toEqual([0, []]);
    second.close();
  });

  it("starts instances that no router can connect to ever more slowly, and says why", async () => {
    const { router, clock } = await up({ isReachable: true });
    for (let attempt = 1; attempt <= 3; attempt++) {
      router.request("fn", 1);
      await clock.pass(100 * 2 ** (attempt - 2));
      const [instanceId = ""] = router.usable("fn");
      router.finish(instanceId);
      router.send({ type: "SUSPECT", instanceId, reason: "NO_CONNECTION" });
      await settled();
    }
    router.request("fn", 1);
    await settled();
    expect(router.refused).toEqual([expect.objectContaining({ code: "CLUSTER_UNAVAILABLE" })]);
  });
});
