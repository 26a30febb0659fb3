/** One pool manager after another over the same cluster, where instances outlive them. */
import { afterEach, describe, expect, it } from "@jest/globals";
import { aFunction, anEnvironment } from "./support/builders.js";
import { FakeRouter } from "./support/fake-router.js";
import { Stage, type StageOptions } from "./support/stage.js";

describe("PoolManager, handed over", () => {
  const stages: Stage[] = [];
  const routers: FakeRouter[] = [];

  const up = async (options: StageOptions = {}): Promise<Stage> => {
    const stage = await Stage.up({ ...options, driver: { outlivesProcess: true, ...options.driver } });
    stages.push(stage);
    // Another one of the same process would hold slots too.
    stage.router.close();
    return stage;
  };
  const succeed = async (stage: Stage): Promise<Stage> => {
    const next = await Stage.succeed(stage);
    stages.push(next);
    return next;
  };
  /** A router at the other end of a network. */
  const router = async (stage: Stage): Promise<FakeRouter> => {
    const made = new FakeRouter(stage.network, stage.clock);
    routers.push(made);
    await rejoin(stage, made);
    return made;
  };
  const rejoin = async (stage: Stage, who: FakeRouter): Promise<void> => {
    who.open();
    await stage.clock.pass(10);
  };
  const after = async (stage: Stage, fn: () => void): Promise<void> => {
    fn();
    await stage.clock.pass(10);
  };
  /** The process ends without a word. */
  const kill = async (stage: Stage): Promise<void> => {
    stage.network.cut();
    await stage.manager.abandon();
  };

  afterEach(async () => {
    for (const made of routers.splice(0)) made.close();
    const [last] = stages.slice(-1);
    stages.length = 0;
    await last?.down();
  });

  const four = aFunction({ settings: { requestsPerInstance: 4, maxInstances: 1 } });

  it("removes a pool whose environment has gone while there was no pool manager", async () => {
    const stage = await up({ before: (driver) => driver.ensurePool(anEnvironment({ id: "gone" })) });
    expect(stage.driver.health().map(({ environmentId }) => environmentId)).toEqual([anEnvironment().id]);
  });

  it("leaves instances and pools as they are when it stops", async () => {
    const stage = await up();
    const one = await router(stage);
    await after(stage, () => one.request("fn", 1));
    const before = stage.instances();
    await stage.manager.stop();
    expect(stage.states()).toEqual(["READY", "WARM", "WARM", "WARM"]);
    const next = await succeed(stage);
    expect(next.instances()).toEqual(before);
  });

  it("lets routers keep what they hold, requests in flight included, when another takes over", async () => {
    const stage = await up({ functions: [four] });
    const [one, two] = [await router(stage), await router(stage)];
    await after(stage, () => one.request("fn", 1, 1));
    await after(stage, () => two.request("fn", 1, 2));
    const slots = [one.slots("fn"), two.slots("fn")];
    expect(slots).toEqual([2, 2]);
    await kill(stage);
    // Served without anybody's help.
    one.request("fn", 1);
    expect(one.inFlight("fn")).toBe(2);
    const next = await succeed(stage);
    await rejoin(next, one);
    await rejoin(next, two);
    expect([one.slots("fn"), two.slots("fn")]).toEqual(slots);
    expect(next.manager.view.instancesOf("fn")).toMatchObject([{ state: "READY", inFlight: 4 }]);
    expect([one.failed, two.failed]).toEqual([0, 0]);
    expect(next.driver.specializations).toHaveLength(1);
  });

  it.each([true, false])(
    "keeps the slots of a router that is not back yet for three seconds (outlivesProcess: %s)",
    async (outlivesProcess) => {
      const stage = await up({ driver: { outlivesProcess }, functions: [four] });
      const [one, two] = [await router(stage), await router(stage)];
      await after(stage, () => one.request("fn", 1, 1));
      expect([one.slots("fn"), two.slots("fn")]).toEqual([2, 2]);
      await kill(stage);
      const next = await succeed(stage);
      await rejoin(next, one);
      one.request("fn", 1, 3);
      await next.clock.pass(2_800);
      expect(one.slots("fn")).toBe(2);
      expect(one.inFlight("fn")).toBe(2);
      await next.clock.pass(1_000);
      expect(one.inFlight("fn")).toBe(4);
      // What it holds by then is another's: it is told so.
      await rejoin(next, two);
      expect(two.slots("fn")).toBe(0);
    },
  );

  it("confirms no more than there is, to who comes first, where routers hold too much together", async () => {
    const stage = await up({ functions: [four] });
    const [one, two] = [await router(stage), await router(stage)];
    await after(stage, () => one.request("fn", 1, 1));
    stage.network.cut();
    // Given up for lost: all four are the other's, when the first one is back.
    await rejoin(stage, two);
    two.request("fn", 1, 4);
    await stage.clock.pass(4_000);
    expect([one.slots("fn"), two.slots("fn")]).toEqual([2, 4]);
    await kill(stage);
    const next = await succeed(stage);
    await rejoin(next, two);
    await rejoin(next, one);
    expect([one.slots("fn"), two.slots("fn")]).toEqual([0, 4]);
    one.finishAll();
    two.finishAll();
    [one, two].forEach((each) => each.report());
    await next.clock.pass(5_000);
    expect(one.slots("fn") + two.slots("fn")).toBeLessThanOrEqual(4);
  });

  it("gives nobody a slot that was called back before its router has spoken in knowledge of that", async () => {
    const stage = await up({ functions: [aFunction({ settings: { maxInstances: 1 } })] });
    const [one, two] = [await router(stage), await router(stage)];
    await after(stage, () => one.request("fn", 1));
    one.finishAll();
    one.report();
    await stage.clock.pass(100);
    stage.network.latencyMs = 10;
    // What the second one wants is known after 10 ms, and the first one hears of it after 20.
    two.request("fn", 1);
    await stage.clock.pass(5);
    one.report();
    await stage.clock.pass(10);
    one.request("fn", 1);
    await stage.clock.pass(50);
    expect([one.inFlight("fn"), two.inFlight("fn")]).toEqual([1, 0]);
    one.finishAll();
    one.report();
    await stage.clock.pass(50);
    expect([one.inFlight("fn"), two.inFlight("fn")]).toEqual([0, 1]);
    stage.network.latencyMs = 1;
  });

  it("serves cold requests that came while nobody led", async () => {
    const stage = await up();
    const one = await router(stage);
    await kill(stage);
    one.request("fn", 1, 2);
    await stage.clock.pass(10_000);
    expect(one.inFlight("fn")).toBe(0);
    const next = await succeed(stage);
    await rejoin(next, one);
    expect(one.inFlight("fn")).toBe(2);
    expect(one.refused).toEqual([]);
  });

  it("lets what is being specialized finish and be served before it stops", async () => {
    const stage = await up({ driver: { specializeDelayMs: 1_000 } });
    const one = await router(stage);
    await after(stage, () => one.request("fn", 1, 1));
    const stopped = stage.manager.stop();
    expect(stage.manager.isServing).toBe(false);
    await stage.clock.pass(1_100);
    await stopped;
    expect(one.inFlight("fn")).toBe(1);
    const next = await succeed(stage);
    expect(next.instances()).toHaveLength(1);
  });

  it("waits no longer where the function is deleted while its code is being loaded", async () => {
    const stage = await up({ driver: { specializeDelayMs: 1_000 } });
    const one = await router(stage);
    // One that has its code can't be kept from loading it.
    const { driver } = stage;
    const specialize = driver.specialize.bind(driver);
    driver.specialize = (instance, request) => specialize(instance, request, new AbortController().signal);
    await after(stage, () => one.request("fn", 1, 1));
    await stage.change([]);
    let isStopped = false;
    const stopped = stage.manager.stop().then(() => (isStopped = true));
    await stage.clock.pass(1_100);
    expect(isStopped).toBe(true);
    await stopped;
    await succeed(stage);
  });

  it("stops within five seconds though code does not finish loading", async () => {
    const stage = await up({ driver: { specializeDelayMs: 20_000 } });
    const one = await router(stage);
    await after(stage, () => one.request("fn", 1, 1));
    let isStopped = false;
    const stopped = stage.manager.stop().then(() => (isStopped = true));
    await stage.clock.pass(4_900);
    expect(isStopped).toBe(false);
    await stage.clock.pass(200);
    expect(isStopped).toBe(true);
    await stopped;
    await succeed(stage);
  });

  it("acts on nothing when it leads no more, and the next one ends what it left half done", async () => {
    const stage = await up({ driver: { specializeDelayMs: 1_000 }, functions: [four] });
    const one = await router(stage);
    await after(stage, () => one.request("fn", 1, 1));
    await kill(stage);
    await stage.clock.pass(5_000);
    expect(stage.states()).toEqual(["SPECIALIZING", "WARM", "WARM", "WARM"]);
    const next = await succeed(stage);
    await next.clock.pass(50_000);
    expect(stage.states()).toEqual(["WARM", "WARM", "WARM"]);
  });

  it("gives instances that it takes over a whole idle timeout", async () => {
    const settings = { idleTimeoutSeconds: 60 };
    const stage = await up({ functions: [aFunction({ settings })] });
    const one = await router(stage);
    await after(stage, () => one.request("fn", 1, 1));
    one.finishAll();
    one.report();
    await stage.clock.pass(50_000);
    await kill(stage);
    const next = await succeed(stage);
    await rejoin(next, one);
    await next.clock.pass(59_000);
    expect(next.instances()).toHaveLength(1);
    await next.clock.pass(3_000);
    expect(next.instances()).toHaveLength(0);
  });

  it("lets requests of a function that was deleted meanwhile finish", async () => {
    const stage = await up();
    const one = await router(stage);
    await after(stage, () => one.request("fn", 1, 1));
    await kill(stage);
    stage.source.functions = [];
    const next = await succeed(stage);
    await next.clock.pass(2_000);
    await rejoin(next, one);
    // Nobody knows any more how long they may take.
    await next.clock.pass(120_000);
    expect(next.count("DRAINING")).toBe(1);
    one.finishAll();
    await next.clock.pass(2_000);
    expect(next.count("DRAINING")).toBe(0);
    expect([one.failed, one.served]).toEqual([0, 1]);
  });

  it("takes over no more requests at a time than the instance was told to take", async () => {
    const stage = await up({ functions: [aFunction({ settings: { requestsPerInstance: 2, maxInstances: 1 } })] });
    const one = await router(stage);
    await after(stage, () => one.request("fn", 1, 1));
    await kill(stage);
    stage.source.functions = [aFunction({ revision: 2, settings: { requestsPerInstance: 9, maxInstances: 1 } })];
    const next = await succeed(stage);
    await rejoin(next, one);
    await next.clock.pass(5_000);
    expect(one.slots("fn")).toBe(2);
  });

  it.each([true, false])(
    "lets no router in before it knows what is desired (outlivesProcess: %s)",
    async (outlivesProcess) => {
      const stage = await up({ driver: { outlivesProcess } });
      const one = await router(stage);
      await after(stage, () => one.request("fn", 1, 1));
      await kill(stage);
      stage.source.failure = new Error("away");
      const next = await succeed(stage);
      await rejoin(next, one);
      expect([one.isLost, one.slots("fn")]).toEqual([true, 1]);
      stage.source.failure = undefined;
      await next.clock.pass(10_000);
      await rejoin(next, one);
      expect([one.isLost, one.slots("fn"), one.inFlight("fn")]).toEqual([false, 1, 1]);
      expect(next.driver.specializations).toHaveLength(1);
    },
  );

  it("launches nothing for what runs already, however soon it knows what is desired", async () => {
    const stage = await up({ functions: [aFunction({ settings: { minInstances: 2 } })] });
    await kill(stage);
    const next = await succeed(stage);
    await next.clock.pass(5_000);
    expect(next.instances()).toHaveLength(2);
    expect(next.driver.specializations).toHaveLength(2);
  });

  it("replaces what was started from an older image, one by one, and serves it by its own contract until then", async () => {
    const settings = { minInstances: 2, maxInstances: 2 };
    const stage = await up({ functions: [aFunction({ settings })] });
    const one = await router(stage);
    await after(stage, () => one.request("fn", 1, 2));
    const before = stage.instances();
    await kill(stage);
    stage.source.environments = [anEnvironment({ image: "team/python", contract: "FISSION_V2", revision: 2 })];
    const next = await succeed(stage);
    await rejoin(next, one);
    const contractsOf = (): string[] => [...one.instances.values()].map(({ granted }) => granted.contract);
    expect(contractsOf()).toEqual(["FERMI", "FERMI"]);
    await next.clock.pass(6_000);
    expect(next.count("DRAINING")).toBe(1);
    one.finishAll();
    await next.clock.pass(5_000);
    one.finishAll();
    await next.clock.pass(5_000);
    expect(next.instances().filter((id) => before.includes(id))).toEqual([]);
    expect([next.count("READY"), one.failed]).toEqual([2, 0]);
    await after(next, () => one.request("fn", 1, 2));
    expect(contractsOf()).toEqual(["FISSION_V2", "FISSION_V2"]);
  });

  it("replaces nothing that was started from what is desired", async () => {
    const settings = { minInstances: 2 };
    const stage = await up({ functions: [aFunction({ settings })] });
    const before = stage.instances();
    await kill(stage);
    stage.source.environments = [anEnvironment({ poolSize: 5, gracePeriodSeconds: 5, revision: 2 })];
    const next = await succeed(stage);
    await next.clock.pass(20_000);
    expect(next.instances().sort()).toEqual(before.sort());
  });
});
