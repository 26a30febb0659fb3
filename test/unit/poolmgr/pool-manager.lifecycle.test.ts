import { afterEach, describe, expect, it } from "@jest/globals";
import type { MemoryDriver } from "../../../src/cluster/memory/memory-driver.js";
import { aFunction, anEnvironment } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { FakeRouter } from "./support/fake-router.js";
import { Stage, type StageOptions } from "./support/stage.js";

/** For routers that used them before. */
const foundAreKeptMs = 3_000;

describe("PoolManager, over an instance's life", () => {
  let stage: Stage;
  const up = async (options?: StageOptions): Promise<Stage> => (stage = await Stage.up(options));
  afterEach(() => stage.down());

  /** One instance that has served and is idle. */
  const idleInstance = async (): Promise<string> => {
    stage.router.request("fn", 1);
    await settled();
    stage.router.finishAll();
    stage.router.report();
    return stage.instances()[0] ?? "";
  };

  it("ends an instance that is idle for the function's idle timeout, not before", async () => {
    await up({ functions: [aFunction({ settings: { idleTimeoutSeconds: 10 } })] });
    const id = await idleInstance();
    await stage.clock.pass(9_500);
    expect(stage.instances()).toEqual([id]);
    await stage.clock.pass(1_500);
    expect(stage.instances()).toEqual([]);
    expect(stage.count("WARM")).toBe(3);
  });

  it("does not take an instance for idle while a request runs in it", async () => {
    await up({ functions: [aFunction({ settings: { idleTimeoutSeconds: 5 } })] });
    stage.router.request("fn", 1);
    await settled();
    stage.router.report();
    await stage.clock.pass(60_000);
    expect(stage.instances()).toHaveLength(1);
    stage.router.finishAll();
    stage.router.report();
    await stage.clock.pass(4_000);
    expect(stage.instances()).toHaveLength(1);
    await stage.clock.pass(2_000);
    expect(stage.instances()).toHaveLength(0);
  });

  it("scales down gradually", async () => {
    await up({ functions: [aFunction({ settings: { idleTimeoutSeconds: 5 } })] });
    stage.router.request("fn", 1, 8);
    await settled();
    stage.router.finishAll();
    stage.router.report();
    const counts: number[] = [];
    for (let second = 0; second < 12; second++) {
      await stage.clock.pass(1_000);
      counts.push(stage.instances().length);
    }
    expect(counts).toEqual([8, 8, 8, 8, 6, 4, 3, 2, 1, 0, 0, 0]);
  });

  it("keeps minInstances ready without a request, and idle", async () => {
    await up({ functions: [aFunction({ settings: { minInstances: 2, idleTimeoutSeconds: 1 } })] });
    expect(stage.count("READY")).toBe(2);
    await stage.clock.pass(30_000);
    expect(stage.count("READY")).toBe(2);
  });

  it("never has more than maxInstances of a version", async () => {
    await up({ functions: [aFunction({ settings: { maxInstances: 4 } })] });
    stage.router.request("fn", 1, 50);
    await stage.clock.pass(5_000);
    expect(stage.instances()).toHaveLength(4);
    expect(stage.router.waiting.get("fn@1")).toBe(46);
  });

  it("gives requests of a new version new instances, and lets those of the old one end", async () => {
    await up({ functions: [aFunction({ settings: { requestsPerInstance: 5 } })] });
    stage.router.request("fn", 1, 2);
    await settled();
    const [old = ""] = stage.instances();
    const next = aFunction({ currentVersionNumber: 2, revision: 2, settings: { requestsPerInstance: 5 } });
    await stage.change([next]);
    stage.router.request("fn", 2);
    await settled();
    await stage.clock.pass(1_000);
    expect(stage.router.usable("fn")).not.toContain(old);
    expect(stage.router.usable("fn")).toHaveLength(1);
    expect(stage.instances()).toContain(old);
    stage.router.finish(old, 2);
    await settled();
    expect(stage.instances()).not.toContain(old);
    expect(stage.router.failed).toBe(0);
  });

  it("still serves the old version to a router that is late, and ends what it made for it soon", async () => {
    await up();
    await stage.change([aFunction({ currentVersionNumber: 2, revision: 2 })]);
    await stage.clock.pass(2_000);
    stage.router.request("fn", 1);
    await settled();
    expect(stage.router.inFlight("fn")).toBe(1);
    stage.router.finishAll();
    stage.router.report();
    await stage.clock.pass(11_000);
    expect(stage.instances()).toEqual([]);
  });

  it("keeps the instances of a version that a rollback makes current again", async () => {
    await up();
    const id = await idleInstance();
    await stage.change([aFunction({ currentVersionNumber: 2, revision: 2 })]);
    await stage.clock.pass(200);
    await stage.change([aFunction({ currentVersionNumber: 1, revision: 3 })]);
    await stage.clock.pass(5_000);
    expect(stage.instances()).toEqual([id]);
  });

  it("ends the instances of a deleted function after their requests, and refuses who waits", async () => {
    await up({ functions: [aFunction({ settings: { maxInstances: 1 } })] });
    stage.router.request("fn", 1, 2);
    await settled();
    await stage.change([]);
    expect(stage.router.usable("fn")).toEqual([]);
    expect(stage.router.refused).toEqual([expect.objectContaining({ code: "NOT_FOUND" })]);
    expect(stage.count("DRAINING")).toBe(1);
    stage.router.finishAll();
    await settled();
    expect(stage.count("DRAINING")).toBe(0);
  });

  it("ends a deleted function's instance whose request never ends at a bound", async () => {
    await up({ functions: [aFunction({ settings: { timeoutSeconds: 10 } })] });
    stage.router.request("fn", 1);
    await settled();
    await stage.change([]);
    await stage.clock.pass(39_000);
    expect(stage.count("DRAINING")).toBe(1);
    await stage.clock.pass(2_000);
    expect(stage.count("DRAINING")).toBe(0);
  });

  it("gives requests in flight the time limit that was theirs, whether their function is deleted or its limit lowered", async () => {
    await up({ functions: [aFunction({ settings: { timeoutSeconds: 3_600 } })] });
    stage.router.request("fn", 1);
    await settled();
    await stage.change([aFunction({ revision: 2, settings: { timeoutSeconds: 5 } })]);
    await stage.change([]);
    await stage.clock.pass(120_000);
    expect(stage.count("DRAINING")).toBe(1);
    stage.router.finishAll();
    await settled();
    expect([stage.router.failed, stage.count("DRAINING")]).toEqual([0, 0]);
  });

  it("drops a launch whose function is deleted meanwhile", async () => {
    await up({ driver: { specializeDelayMs: 50 } });
    stage.router.request("fn", 1);
    await settled();
    await stage.change([]);
    await stage.clock.pass(100);
    expect(stage.count("READY") + stage.count("SPECIALIZING")).toBe(0);
    expect(stage.failures).toEqual([]);
  });

  it("adopts a pool's new size", async () => {
    await up();
    await stage.change([aFunction()], [anEnvironment({ poolSize: 5, revision: 2 })]);
    expect(stage.count("WARM")).toBe(5);
    await stage.change([aFunction()], [anEnvironment({ poolSize: 1, revision: 3 })]);
    expect(stage.count("WARM")).toBe(1);
  });

  it("removes the pool of a deleted environment", async () => {
    await up({ functions: [] });
    await stage.change([], []);
    const seen: string[] = [];
    await stage.driver.watch(({ instance }) => void seen.push(instance.id)).stop();
    expect(seen).toEqual([]);
    expect(stage.manager.view.pools()).toEqual([]);
  });

  it("replaces instances of an old image one by one, without losing a request", async () => {
    await up({ functions: [aFunction({ settings: { minInstances: 3 } })] });
    const before = stage.instances();
    stage.router.request("fn", 1, 1);
    stage.router.report();
    const fewest: number[] = [];
    await stage.change(
      [aFunction({ settings: { minInstances: 3 } })],
      [anEnvironment({ image: "fermi/nodejs:2", revision: 2 })],
    );
    for (let second = 0; second < 8; second++) {
      await stage.clock.pass(1_000);
      fewest.push(stage.count("READY"));
      if (second === 5) stage.router.finishAll();
    }
    expect(Math.min(...fewest)).toBeGreaterThanOrEqual(2);
    expect(stage.instances().filter((id) => before.includes(id))).toEqual([]);
    expect(stage.count("READY")).toBe(3);
    expect(stage.router.failed).toBe(0);
  });

  it("restarts nothing when settings change, and lowers the slots", async () => {
    await up({ functions: [aFunction({ settings: { requestsPerInstance: 10 } })] });
    stage.router.request("fn", 1, 10);
    await settled();
    const before = stage.instances();
    await stage.change([aFunction({ revision: 2, settings: { requestsPerInstance: 4 } })]);
    expect(stage.router.slots("fn")).toBe(4);
    await stage.change([aFunction({ revision: 3, settings: { requestsPerInstance: 50 } })]);
    expect(stage.router.slots("fn")).toBe(10);
    expect(stage.instances()).toEqual(before);
    expect(stage.router.inFlight("fn")).toBe(10);
  });

  it("takes over specialized instances that it finds, and their idle clock starts then", async () => {
    let found = "";
    await up({
      functions: [aFunction({ settings: { requestsPerInstance: 3, idleTimeoutSeconds: 60 } })],
      before: async (driver) => {
        found = await specialized(driver, "fn", 1);
      },
    });
    expect(stage.instances()).toEqual([found]);
    expect(stage.manager.identify(found)).toEqual({ functionId: "fn", version: 1, key: `key of ${found}` });
    await stage.clock.pass(foundAreKeptMs);
    stage.router.request("fn", 1, 3);
    expect(stage.router.inFlight("fn")).toBe(3);
    stage.router.finishAll();
    stage.router.report();
    await stage.clock.pass(59_000);
    expect(stage.instances()).toEqual([found]);
    await stage.clock.pass(2_000);
    expect(stage.instances()).toEqual([]);
  });

  it("ends found instances of functions that are no more", async () => {
    await up({
      before: async (driver) => {
        await specialized(driver, "gone", 1);
      },
    });
    await stage.clock.pass(foundAreKeptMs + 1_000);
    expect(stage.count("READY")).toBe(0);
  });

  it("ends found instances of another version soon", async () => {
    await up({
      functions: [aFunction({ currentVersionNumber: 2 })],
      before: async (driver) => {
        await specialized(driver, "fn", 1);
      },
    });
    expect(stage.instances()).toHaveLength(1);
    await stage.clock.pass(foundAreKeptMs + 1_000);
    expect(stage.instances()).toEqual([]);
  });

  it("ends what was claimed before its time and never specialized, once no launch can be behind it", async () => {
    await up({
      before: async (driver) => {
        await driver.ensurePool(anEnvironment());
        await driver.claim("env", new AbortController().signal);
      },
    });
    expect(stage.count("SPECIALIZING")).toBe(1);
    await stage.clock.pass(44_000);
    expect(stage.count("SPECIALIZING")).toBe(1);
    await stage.clock.pass(2_000);
    expect(stage.count("SPECIALIZING")).toBe(0);
  });

  it("tells whose an instance is from its claim to a minute after its end", async () => {
    await up({ driver: { specializeDelayMs: 10 } });
    stage.router.request("fn", 1);
    await settled();
    const [id = ""] = stage.instances();
    expect(stage.manager.identify(id)).toEqual({ functionId: "fn", version: 1, key: `key of ${id}` });
    await stage.clock.pass(1_000);
    stage.driver.crash(id);
    await stage.clock.pass(59_000);
    expect(stage.manager.identify(id)).toMatchObject({ functionId: "fn" });
    await stage.clock.pass(2_000);
    expect(stage.manager.identify(id)).toBeUndefined();
  });

  it("shows instances with what they do", async () => {
    await up({ functions: [aFunction({ settings: { requestsPerInstance: 4 } })] });
    stage.router.request("fn", 1, 3);
    await settled();
    await stage.clock.pass(100);
    stage.router.report();
    expect(stage.manager.view.instancesOf("fn")).toEqual([
      expect.objectContaining({ state: "READY", inFlight: 3, functionVersion: 1, lastUsedAt: stage.clock.now() }),
    ]);
    expect(stage.manager.view.pools()).toEqual([
      expect.objectContaining({ environmentId: "env", warm: 3, starting: 0, specialized: 1 }),
    ]);
    expect(stage.manager.view.instancesOf("other")).toEqual([]);
  });

  it("tells that a pool's counts have changed, once for many changes", async () => {
    await up();
    const told: string[] = [];
    const listening = stage.manager.view.onChange((id) => void told.push(id));
    stage.router.request("fn", 1, 5);
    await stage.clock.pass(50);
    expect(told).toEqual(["env"]);
    stage.router.report();
    await stage.clock.pass(2_000);
    expect(told).toEqual(["env"]);
    listening.stop();
    stage.router.request("fn", 1, 5);
    await stage.clock.pass(100);
    expect(told).toEqual(["env"]);
  });

  it("ends every instance and pool when stopped, tells routers, and launches nothing after", async () => {
    await up({ functions: [aFunction({ settings: { minInstances: 2 } })] });
    stage.router.request("fn", 1, 5);
    await settled();
    await Promise.all([stage.manager.stop(), stage.clock.pass(10_000)]);
    expect(stage.router.isLost).toBe(true);
    const left: string[] = [];
    await stage.driver.watch(({ instance }) => void left.push(instance.id)).stop();
    expect(left).toEqual([]);
    expect(stage.source.subscribers).toBe(0);
    await stage.clock.pass(100_000);
    expect(stage.clock.timers).toBe(0);
  });

  it("stops within its bound also where the driver does not answer", async () => {
    await up({ functions: [aFunction({ settings: { minInstances: 1 } })] });
    const { driver } = stage;
    const end = driver.end.bind(driver);
    driver.end = () => new Promise(() => {});
    let isStopped = false;
    void stage.manager.stop().then(() => (isStopped = true));
    await stage.clock.pass(9_000);
    expect(isStopped).toBe(false);
    await stage.clock.pass(1_001);
    expect(isStopped).toBe(true);
    driver.end = end;
  });

  it("sends a second router a snapshot with its share, and gives it slots that the first does not use", async () => {
    await up({ functions: [aFunction({ settings: { requestsPerInstance: 10, maxInstances: 1 } })] });
    stage.router.request("fn", 1, 3);
    await settled();
    expect(stage.router.slots("fn")).toBe(10);
    const second = new FakeRouter(stage.manager.hub, stage.clock);
    second.open();
    await settled();
    expect(second.got[0]).toMatchObject({ type: "SNAPSHOT", instances: [] });
    second.request("fn", 1, 4);
    await settled();
    expect(second.inFlight("fn")).toBe(4);
    expect(stage.router.slots("fn")).toBe(6);
    second.close();
    await settled();
    stage.router.request("fn", 1, 7);
    await settled();
    expect(stage.router.inFlight("fn")).toBe(10);
  });

  it("moves an instance of one slot to the router that waits once it is idle", async () => {
    await up({ functions: [aFunction({ settings: { maxInstances: 1 } })] });
    const second = new FakeRouter(stage.manager.hub, stage.clock);
    second.open();
    await settled();
    stage.router.request("fn", 1);
    await settled();
    stage.router.report();
    second.request("fn", 1);
    await settled();
    expect(second.inFlight("fn")).toBe(0);
    stage.router.finishAll();
    stage.router.report();
    await stage.clock.pass(2_000);
    expect(second.inFlight("fn")).toBe(1);
    expect(stage.router.slots("fn")).toBe(0);
    second.close();
  });
});

async function specialized(driver: MemoryDriver, functionId: string, version: number): Promise<string> {
  await driver.ensurePool(anEnvironment());
  const { signal } = new AbortController();
  const instance = await driver.claim("env", signal);
  const request = {
    ...{ function: { id: functionId, name: "hello", namespace: "default" }, version, entrypoint: null, variables: [] },
    ...{ requestsPerInstance: 3, key: "old-key", code: { source: "", sha256: "" } },
  };
  await driver.specialize(instance, request, signal);
  return instance.id;
}
