import { afterEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../../src/errors/app-error.js";
import { aFunction, anEnvironment } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { Stage, type StageOptions } from "./support/stage.js";

const loadError = new AppError("LOAD_FAILED", "Unexpected token '}' (hello.js:3)");

describe("PoolManager, while code loads", () => {
  let stage: Stage;
  const up = async (options?: StageOptions): Promise<Stage> => (stage = await Stage.up(options));
  afterEach(() => stage.down());

  it("tries code afresh once its environment was changed, also for minInstances' sake", async () => {
    const functions = [aFunction(), aFunction({ id: "kept", settings: { minInstances: 1 } })];
    const { router, driver, clock, source } = await up({ functions });
    const withImage = (image: string): Promise<void> =>
      stage.change(source.functions, [anEnvironment({ image, revision: source.environments[0]!.revision + 1 })]);
    await withImage("fermi/python");
    driver.failSpecializations(loadError);
    driver.crash(stage.instances("kept")[0] ?? "");
    router.request("fn", 1);
    await clock.pass(2_000);
    router.request("fn", 1);
    await settled();
    expect(router.refused.map(({ code }) => code)).toEqual(["LOAD_FAILED", "LOAD_FAILED"]);
    driver.failSpecializations(null);
    await withImage("fermi/nodejs");
    router.request("fn", 1);
    await settled();
    expect(router.inFlight("fn")).toBe(1);
    await clock.pass(2_000);
    expect(stage.instances("kept")).toHaveLength(1);
  });

  it("does not hold against code that it failed to load in an environment that has been changed since", async () => {
    const { router, driver, clock, source } = await up({ driver: { specializeDelayMs: 1_000 } });
    driver.failSpecializations(loadError);
    router.request("fn", 1);
    await clock.pass(500);
    await stage.change(source.functions, [anEnvironment({ image: "fermi/other", revision: 2 })]);
    await clock.pass(600);
    driver.failSpecializations(null);
    await clock.pass(1_000);
    expect(router.refused).toEqual([]);
    expect(router.inFlight("fn")).toBe(1);
  });
});
