import { afterEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../../src/errors/app-error.js";
import { aCode, aFunction, anEnvironment } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { Stage, type StageOptions } from "./support/stage.js";

const loadError = new AppError("LOAD_FAILED", "Unexpected token '}' (hello.js:3)", {
  cause: { stack: "SyntaxError: Unexpected token '}'\n  at hello.js:3:1" },
});

describe("PoolManager, when things fail", () => {
  let stage: Stage;
  const up = async (options?: StageOptions): Promise<Stage> => (stage = await Stage.up(options));
  afterEach(() => stage.down());

  it("refuses every waiter at once with the runtime's message where the code does not load", async () => {
    const { router, driver } = await up({ functions: [aFunction()] });
    driver.failSpecializations(loadError);
    router.request("fn", 1, 5);
    await settled();
    expect(router.refused).toEqual([
      {
        type: "REFUSE",
        target: { functionId: "fn", version: 1 },
        code: "LOAD_FAILED",
        message: "Unexpected token '}' (hello.js:3)",
        retryAfterSeconds: 10,
      },
    ]);
    expect(router.waiting.get("fn@1")).toBe(0);
    expect(stage.count("READY") + stage.count("SPECIALIZING")).toBe(0);
  });

  it("logs a load error with its stack", async () => {
    const { router, driver } = await up();
    driver.failSpecializations(loadError);
    router.request("fn", 1);
    await settled();
    expect(stage.events).toEqual([
      {
        instanceId: expect.any(String),
        functionId: "fn",
        version: 1,
        message:
          "The code does not load: Unexpected token '}' (hello.js:3)\nSyntaxError: Unexpected token '}'\n  at hello.js:3:1",
      },
    ]);
  });

  it("does not try code that does not load again before the pause is over, and then once, on demand", async () => {
    const { router, driver, clock } = await up();
    driver.failSpecializations(loadError);
    router.request("fn", 1);
    await settled();
    const attempts = driver.specializations.length;
    router.request("fn", 1, 4);
    await clock.pass(9_000);
    router.request("fn", 1, 4);
    await settled();
    expect(router.refused).toHaveLength(3);
    expect(driver.specializations).toHaveLength(attempts);
    await clock.pass(2_000);
    expect(driver.specializations).toHaveLength(attempts);
    router.request("fn", 1, 4);
    await settled();
    expect(driver.specializations).toHaveLength(attempts + 1);
    await clock.pass(11_000);
    router.request("fn", 1);
    await settled();
    expect(driver.specializations).toHaveLength(attempts + 1);
  });

  it("serves again once the code loads after the pause", async () => {
    const { router, driver, clock } = await up();
    driver.failSpecializations(loadError);
    router.request("fn", 1);
    await clock.pass(10_001);
    driver.failSpecializations(null);
    router.request("fn", 1, 3);
    await clock.pass(0);
    await settled();
    expect(router.inFlight("fn")).toBe(3);
  });

  it("tries the next version afresh", async () => {
    const { router, driver } = await up();
    driver.failSpecializations(loadError);
    router.request("fn", 1);
    await settled();
    driver.failSpecializations(null);
    await stage.change([aFunction({ currentVersionNumber: 2, revision: 2 })]);
    router.request("fn", 2);
    await settled();
    expect(router.inFlight("fn")).toBe(1);
  });

  it("does not try code that does not load again for minInstances' sake", async () => {
    const { driver, clock } = await up({ functions: [] });
    driver.failSpecializations(loadError);
    await stage.change([aFunction({ settings: { minInstances: 2 } })]);
    const attempts = driver.specializations.length;
    await clock.pass(60_000);
    expect(attempts).toBeLessThanOrEqual(2);
    expect(driver.specializations).toHaveLength(attempts);
  });

  it("replaces an instance that is lost on its way without an error for anybody", async () => {
    const { router, driver, clock } = await up();
    driver.failSpecializations(new AppError("CLUSTER_UNAVAILABLE", "The instance is gone."));
    router.request("fn", 1);
    await settled();
    driver.failSpecializations(null);
    await clock.pass(100);
    expect(router.refused).toEqual([]);
    expect(router.inFlight("fn")).toBe(1);
  });

  it("refuses after three instances were lost on their way, and keeps trying ever more slowly", async () => {
    const { router, driver, clock } = await up();
    driver.failSpecializations(new AppError("CLUSTER_UNAVAILABLE", "The instance is gone."));
    router.request("fn", 1);
    await clock.pass(2_000);
    expect(router.refused.map(({ code }) => code)).toEqual(["CLUSTER_UNAVAILABLE"]);
    expect(driver.specializations).toHaveLength(3);
    router.request("fn", 1);
    await settled();
    expect(driver.specializations).toHaveLength(4);
  });

  it("refuses with the pool's problem where no instance can be had, and tries again after a pause", async () => {
    const { router, driver, clock } = await up({
      environments: [anEnvironment({ poolSize: 0 })],
      driver: { startDelayMs: 1 },
    });
    driver.breakPool("env", "the image can't be pulled");
    router.request("fn", 1, 20);
    await settled();
    expect(router.refused).toHaveLength(1);
    expect(router.refused[0]).toMatchObject({ code: "CLUSTER_UNAVAILABLE", retryAfterSeconds: 1 });
    expect(router.refused[0]?.message).toContain("the image can't be pulled");
    router.request("fn", 1);
    await settled();
    expect(router.refused).toHaveLength(2);
    driver.breakPool("env", null);
    await clock.pass(200);
    router.request("fn", 1);
    await clock.pass(1);
    expect(router.inFlight("fn")).toBe(1);
  });

  it("shows a pool's problem, and tells those who watch pools of it, also where no instance changes", async () => {
    const { manager, driver, clock } = await up({ environments: [anEnvironment({ poolSize: 0 })] });
    const told: string[] = [];
    const problems = (): (string | null)[] => manager.view.pools().map(({ problem }) => problem);
    manager.view.onChange((environmentId) => void told.push(environmentId));
    await clock.pass(2_000);
    told.length = 0;
    expect(problems()).toEqual([null]);
    driver.breakPool("env", "the image can't be pulled");
    const message = expect.stringMatching(/^Environment default\/[a-z]+: the image can't be pulled\.$/);
    expect(manager.check).toEqual({ name: "instances", ok: false, message });
    await clock.pass(2_000);
    expect(problems()).toEqual(["the image can't be pulled"]);
    expect(told).toEqual(["env"]);
    driver.breakPool("env", null);
    await clock.pass(2_000);
    expect(problems()).toEqual([null]);
    expect(told).toEqual(["env", "env"]);
  });

  it("gives up a claim after its deadline", async () => {
    const { router, clock } = await up({
      environments: [anEnvironment({ poolSize: 0 })],
      driver: { startDelayMs: 90_000 },
    });
    router.request("fn", 1);
    await clock.pass(59_000);
    expect(router.refused).toEqual([]);
    expect(stage.claimsWaiting).toBe(1);
    await clock.pass(2_000);
    expect(router.refused[0]?.message).toBe("No instance came up within 60 s.");
    expect(stage.claimsWaiting).toBe(0);
  });

  it("takes code that never finishes loading for code that does not load, and ends the instance", async () => {
    const { router, clock } = await up({ driver: { specializeDelayMs: 90_000 } });
    router.request("fn", 1);
    await clock.pass(30_001);
    expect(router.refused[0]).toMatchObject({ code: "LOAD_FAILED" });
    expect(stage.count("SPECIALIZING")).toBe(0);
  });

  it("finishes a specialization whose callers have left: the instance is warm for the next", async () => {
    const { router, clock } = await up({ driver: { specializeDelayMs: 20 } });
    router.request("fn", 1);
    router.giveUp("fn", 1);
    await clock.pass(20);
    expect(stage.count("READY")).toBe(1);
    router.request("fn", 1);
    expect(router.inFlight("fn")).toBe(1);
  });

  it("replaces a crashed instance when requests wait, and says so in the log", async () => {
    const { router, driver, clock } = await up();
    router.request("fn", 1);
    await clock.pass(1_000);
    const [first] = stage.instances();
    driver.crash(first ?? "", "exited with code 7");
    expect(router.failed).toBe(1);
    router.request("fn", 1);
    await settled();
    expect(router.inFlight("fn")).toBe(1);
    expect(stage.instances()).not.toContain(first);
    expect(stage.events.map(({ message }) => message)).toEqual([
      "The instance crashed and is replaced: exited with code 7.",
    ]);
    expect(stage.failures).toEqual(["FUNCTION_CRASHED"]);
  });

  it("replaces a crashed instance for minInstances' sake", async () => {
    const { driver, clock } = await up({ functions: [aFunction({ settings: { minInstances: 1 } })] });
    const [first] = stage.instances();
    await clock.pass(1_000);
    driver.crash(first ?? "");
    await clock.pass(200);
    expect(stage.instances()).toHaveLength(1);
    expect(stage.instances()).not.toContain(first);
  });

  it("starts a version that crashes at once ever more slowly, and refuses its callers after the third time", async () => {
    const { router, driver, clock } = await up();
    for (let crash = 1; crash <= 3; crash++) {
      router.request("fn", 1);
      await clock.pass(100 * 2 ** (crash - 2));
      expect(router.inFlight("fn")).toBe(1);
      driver.crash(stage.instances()[0] ?? "", "exited with code 1");
    }
    router.request("fn", 1);
    await settled();
    expect(router.refused).toEqual([expect.objectContaining({ code: "FUNCTION_CRASHED" })]);
    expect(driver.specializations).toHaveLength(3);
    await clock.pass(400);
    router.request("fn", 1);
    await clock.pass(600);
    expect(router.inFlight("fn")).toBe(1);
    driver.crash(stage.instances()[0] ?? "");
    router.request("fn", 1);
    await settled();
    expect(router.inFlight("fn")).toBe(1);
  });

  it("lets the other requests of an instance end when one connection broke or one request timed out", async () => {
    for (const reason of ["CRASHED", "TIMED_OUT"] as const) {
      const { router, clock } = await up({ functions: [aFunction({ settings: { requestsPerInstance: 5 } })] });
      router.request("fn", 1, 5);
      await clock.pass(1_000);
      const [first = ""] = stage.instances();
      router.send({ type: "SUSPECT", instanceId: first, reason });
      await clock.pass(20_000);
      expect(stage.instances()).toEqual([first]);
      router.request("fn", 1);
      await settled();
      expect(stage.instances()).toHaveLength(2);
      router.finish(first, 5);
      await clock.pass(300);
      expect(stage.instances()).not.toContain(first);
      expect(router.failed).toBe(0);
      if (reason === "CRASHED") await stage.down();
    }
  });

  it("ends a timed out instance whose request never ends at a bound", async () => {
    const { router, clock } = await up({ functions: [aFunction({ settings: { timeoutSeconds: 5 } })] });
    router.request("fn", 1);
    await settled();
    const [first = ""] = stage.instances();
    router.send({ type: "SUSPECT", instanceId: first, reason: "TIMED_OUT" });
    expect(stage.events[0]?.message).toContain("longer than the time limit");
    await clock.pass(34_000);
    expect(stage.instances()).toEqual([first]);
    await clock.pass(2_000);
    expect(stage.instances()).toEqual([]);
  });

  it("ignores what is said of instances that it does not know", async () => {
    const { router } = await up();
    router.send({ type: "SUSPECT", instanceId: "nobody", reason: "CRASHED" });
    router.send({ type: "RELEASED", instanceId: "nobody" });
    router.send({ type: "USAGE", instances: [{ instanceId: "nobody", inFlight: 3, idleMs: 0 }] });
    router.request("fn", 1);
    await settled();
    expect(router.inFlight("fn")).toBe(1);
  });

  it("refuses requests for a function that the store does not have", async () => {
    const { router } = await up();
    router.request("other", 1);
    await settled();
    expect(router.refused).toEqual([expect.objectContaining({ code: "NOT_FOUND" })]);
  });

  it("reads the desired state again where a router knows a function earlier than it does", async () => {
    const { router, source } = await up({ functions: [] });
    source.functions = [aFunction()];
    router.request("fn", 1);
    await settled();
    expect(router.refused).toEqual([]);
    expect(router.inFlight("fn")).toBe(1);
  });

  it("says that the store is away where it can't find out what a function is", async () => {
    const { router, source } = await up();
    source.failure = new Error("connection refused 10.0.0.1:5432");
    router.request("other", 1);
    await settled();
    expect(router.refused).toEqual([expect.objectContaining({ code: "STORE_UNAVAILABLE", retryAfterSeconds: 1 })]);
    expect(router.refused[0]?.message).not.toContain("10.0.0.1");
  });

  it("makes cold starts with the store away", async () => {
    const { router, source, clock } = await up();
    source.failure = new AppError("STORE_UNAVAILABLE", "The store is away.");
    await clock.pass(60_000);
    const asked = source.asked.length;
    router.request("fn", 1, 3);
    await settled();
    expect(router.inFlight("fn")).toBe(3);
    expect(source.asked).toHaveLength(asked);
  });

  it("refuses a version that is not in memory while the store is away, and serves it afterwards", async () => {
    const { router, source, clock } = await up();
    source.failure = new AppError("STORE_UNAVAILABLE", "The store is away.");
    router.request("fn", 7);
    await settled();
    expect(router.refused).toEqual([expect.objectContaining({ code: "STORE_UNAVAILABLE" })]);
    source.failure = undefined;
    await clock.pass(1_000);
    router.request("fn", 7);
    await settled();
    expect(router.inFlight("fn")).toBe(1);
  });

  it("refuses a version that does not exist", async () => {
    const { router, source } = await up();
    source.codes.set("fn@9", null);
    router.request("fn", 9);
    await settled();
    expect(router.refused).toEqual([expect.objectContaining({ code: "NOT_FOUND" })]);
  });

  it("goes on with what it knows when the store comes back only later", async () => {
    const { source, router, clock } = await up({ before: (_driver, from) => void (from.failure = new Error("away")) });
    expect(stage.count()).toBe(0);
    source.failure = undefined;
    await clock.pass(200);
    router.request("fn", 1);
    await settled();
    expect(router.inFlight("fn")).toBe(1);
  });

  it("keeps other pools when one can't be made, and tries that one again", async () => {
    const broken = anEnvironment({ id: "broken" });
    const functions = [aFunction(), aFunction({ id: "other", environmentId: "broken" })];
    let isBroken = true;
    const { router, clock } = await up({
      environments: [broken, anEnvironment()],
      functions,
      before: (driver, source) => {
        const code = aCode("other", 1);
        source.codes.set("other@1", { ...code, version: { ...code.version, environmentId: "broken" } });
        const ensure = driver.ensurePool.bind(driver);
        driver.ensurePool = (environment) =>
          isBroken && environment.id === "broken" ? Promise.reject(new Error("no such image")) : ensure(environment);
      },
    });
    expect(stage.count("WARM")).toBe(3);
    router.request("other", 1);
    await settled();
    expect(router.refused).toEqual([expect.objectContaining({ code: "CLUSTER_UNAVAILABLE" })]);
    isBroken = false;
    await clock.pass(3_000);
    router.request("other", 1);
    router.request("fn", 1);
    await settled();
    expect(router.inFlight("other")).toBe(1);
    expect(router.inFlight("fn")).toBe(1);
  });

  it("ends an instance again where the driver failed to", async () => {
    const { driver, router, clock } = await up({ functions: [aFunction({ settings: { idleTimeoutSeconds: 1 } })] });
    const end = driver.end.bind(driver);
    let failures = 2;
    driver.end = (id, graceMs) => (failures-- > 0 ? Promise.reject(new Error("away")) : end(id, graceMs));
    router.request("fn", 1);
    await settled();
    router.finishAll();
    router.report();
    await clock.pass(6_000);
    expect(stage.instances()).toEqual([]);
    expect(failures).toBeLessThan(0);
  });
});
