import { afterEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../../src/errors/app-error.js";
import { aFunction, anEnvironment } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { Stage, type StageOptions } from "./support/stage.js";

const driver = { startDelayMs: 1 };
const environments = [anEnvironment({ poolSize: 2 })];

describe("PoolManager, on a machine with room for so many instances", () => {
  let stage: Stage;
  const up = async (options?: StageOptions): Promise<Stage> => {
    stage = await Stage.up({ driver, environments, ...options });
    await stage.clock.pass(10);
    return stage;
  };
  afterEach(() => stage.down());
  const finish = (functionId: string): void => {
    for (const id of stage.router.usable(functionId)) stage.router.finish(id, 1_000);
    stage.router.report();
  };

  it("never claims more, lets warm instances give way, and leaves the others in the queue", async () => {
    await up({ maxInstances: 6 });
    stage.router.request("fn", 1, 20);
    await stage.clock.pass(5_000);
    // The last place is for functions that have none.
    expect(stage.router.inFlight("fn")).toBe(5);
    expect(stage.count()).toBe(6);
    expect(stage.router.refused).toEqual([]);
    stage.router.giveUp("fn", 1);
    finish("fn");
    await stage.clock.pass(200_000);
    expect(stage.count("WARM")).toBe(2);
  });

  it("ends the least recently used idle instance for another function's cold start", async () => {
    await up({ maxInstances: 3, functions: [aFunction(), aFunction({ id: "third" }), aFunction({ id: "other" })] });
    stage.router.request("fn", 1, 2);
    stage.router.request("third", 1);
    await stage.clock.pass(10);
    const all = (): string[] => ["fn", "third"].flatMap((id) => stage.instances(id));
    const [oldest = "", ...rest] = all();
    stage.router.finish(oldest);
    stage.router.report();
    await stage.clock.pass(500);
    for (const id of rest) stage.router.finish(id);
    stage.router.report();
    await stage.clock.pass(1_500);
    stage.router.request("other", 1);
    await stage.clock.pass(10);
    expect(stage.router.inFlight("other")).toBe(1);
    expect(all()).toEqual(rest);
  });

  it("serves everybody beside a function whose minInstances are more than there is room for", async () => {
    const others = ["b", "c", "d", "e", "f"];
    const hog = aFunction({ settings: { minInstances: 10 } });
    await up({ maxInstances: 4, functions: [hog, ...others.map((id) => aFunction({ id }))] });
    await stage.clock.pass(5_000);
    expect(stage.instances()).toHaveLength(3);
    expect(stage.count("WARM")).toBe(1);
    for (const id of others) {
      stage.router.request(id, 1);
      await stage.clock.pass(400);
      expect(stage.router.inFlight(id)).toBe(1);
      finish(id);
    }
    expect(stage.router.refused).toEqual([]);
    // Nobody gives way for its minInstances' sake.
    const serving = stage.count("READY");
    await stage.clock.pass(5_000);
    expect(stage.count("READY")).toBe(serving);
    stage.router.request("fn", 1);
    await stage.clock.pass(10);
    expect(stage.router.inFlight("fn")).toBe(1);
    finish("fn");
    // What nobody uses any more is for them again.
    await stage.clock.pass(700_000);
    expect(stage.instances()).toHaveLength(3);
  });

  it("says whose minInstances can't be kept, and why", async () => {
    const hog = aFunction({ settings: { minInstances: 10 } });
    await up({ maxInstances: 4, functions: [hog, aFunction({ id: "other", settings: { minInstances: 0 } })] });
    await stage.clock.pass(5_000);
    expect(stage.manager.check).toEqual({
      ...{ name: "instances", ok: false },
      message:
        "Function default/hello has 3 of its 10 minInstances: FERMI_MAX_INSTANCES (4) is the bound, and its last place is left to callers.",
    });
    await stage.change([aFunction({ revision: 2, settings: { minInstances: 3 } })]);
    expect(stage.manager.check).toMatchObject({
      ok: true,
      message: "Specialized instances leave room for 1 of 2 warm ones: FERMI_MAX_INSTANCES (4) is the bound.",
    });
    await stage.change([aFunction({ revision: 3, settings: { minInstances: 1 } })]);
    await stage.clock.pass(700_000);
    expect(stage.manager.check).toMatchObject({ ok: true, message: "Pools are filled as they should be." });
    stage.driver.failSpecializations(new AppError("LOAD_FAILED", "no"));
    await stage.change([aFunction({ revision: 4, currentVersionNumber: 2, settings: { minInstances: 1 } })]);
    expect(stage.manager.check.message).toContain("has 0 of its 1 minInstances: its code does not load");
  });

  it("lets callers share with busy minInstances by turns", async () => {
    await up({
      maxInstances: 2,
      functions: [aFunction({ settings: { minInstances: 2 } }), aFunction({ id: "other" })],
    });
    stage.router.request("fn", 1, 1_000);
    await stage.clock.pass(1_000);
    stage.router.request("other", 1);
    for (let round = 0; round < 10 && stage.router.inFlight("other") === 0; round++) {
      for (const id of [...stage.router.instances.keys()]) stage.router.finish(id);
      stage.router.report();
      await stage.clock.pass(100);
    }
    expect(stage.router.inFlight("other")).toBe(1);
    expect(stage.router.failed).toBe(0);
  });

  it("lets a function that holds everything give an instance to one that has none, without a lost request", async () => {
    await up({ maxInstances: 4, functions: [aFunction(), aFunction({ id: "third" }), aFunction({ id: "other" })] });
    stage.router.request("fn", 1, 50);
    stage.router.request("third", 1, 10);
    await stage.clock.pass(10);
    expect(["fn", "third"].map((id) => stage.router.inFlight(id))).toEqual([3, 1]);
    stage.router.request("other", 1, 10);
    for (let round = 0; round < 30; round++) {
      await stage.clock.pass(100);
      finish("fn");
      for (const id of [...stage.router.instances.keys()]) stage.router.finish(id);
      await settled();
    }
    expect(stage.router.served).toBeGreaterThanOrEqual(70);
    expect(stage.router.failed).toBe(0);
  });

  it("gives a turn to whoever has waited for longest, not to who always lacks more", async () => {
    const ids = ["fn", "b", "c", "d"];
    await up({ maxInstances: 1, functions: ids.map((id) => aFunction({ id })) });
    const served = new Set<string>();
    for (let round = 0; round < 50; round++) {
      for (const id of ids) stage.router.request(id, 1, 5);
      await stage.clock.pass(100);
      for (const id of ids) if (stage.router.inFlight(id) > 0) served.add(id);
      for (const id of [...stage.router.instances.keys()]) stage.router.finish(id);
      stage.router.report();
    }
    expect([...served].sort()).toEqual([...ids].sort());
  });

  it("shares the room evenly between functions that want it all", async () => {
    await up({ maxInstances: 7, functions: [aFunction(), aFunction({ id: "b" }), aFunction({ id: "c" })] });
    for (const id of ["fn", "b", "c"]) stage.router.request(id, 1, 1_000);
    for (let round = 0; round < 100; round++) {
      await stage.clock.pass(100);
      for (const id of [...stage.router.instances.keys()]) stage.router.finish(id);
      stage.router.report();
    }
    const held = ["fn", "b", "c"].map((id) => stage.router.usable(id).length);
    expect(held).toEqual([2, 2, 2]);
    expect(stage.router.failed).toBe(0);
  });
});
