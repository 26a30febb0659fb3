import { afterEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../../src/errors/app-error.js";
import { aFunction, anEnvironment } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { FakeRouter } from "./support/fake-router.js";
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

  it.each([
    ["ten seconds at least", 3, 10_000],
    ["as long as a request may take", 20, 20_000],
    ["thirty seconds at most", 300, 30_000],
  ])("gives code %s to load, and then refuses at once", async (_name, timeoutSeconds, limitMs) => {
    const functions = [aFunction({ settings: { timeoutSeconds } })];
    const { router, clock, driver } = await up({ functions, driver: { specializeDelayMs: 90_000 } });
    router.request("fn", 1);
    await clock.pass(limitMs - 1);
    expect(router.refused).toEqual([]);
    await clock.pass(1);
    const message = `The code did not finish loading within ${limitMs / 1_000} s.`;
    expect(router.refused).toEqual([expect.objectContaining({ code: "LOAD_FAILED", message })]);
    router.request("fn", 1);
    await settled();
    expect(router.refused).toHaveLength(2);
    expect(driver.specializations).toHaveLength(1);
  });

  it("tells every router that waits when loading begins and ends, and each but once", async () => {
    const { router, clock } = await up({ driver: { specializeDelayMs: 1_000 } });
    const late = new FakeRouter(stage.manager.hub, clock);
    late.open();
    router.request("fn", 1);
    await clock.pass(500);
    late.request("fn", 1);
    router.request("fn", 1);
    await clock.pass(100);
    const told = ({ got }: FakeRouter): unknown[] =>
      got.flatMap((message) => (message.type === "PREPARE" ? [message.instance.id] : []));
    const ids = told(late);
    expect(ids).toHaveLength(3);
    expect(told(router).sort()).toEqual([...ids].sort());
    late.giveUp("fn", 1);
    router.giveUp("fn", 1);
    router.request("fn", 1, 3);
    await clock.pass(1_500);
    for (const id of ids) {
      for (const each of [router, late]) {
        expect(each.got.some((said) => said.type === "GRANT" && said.instance.id === id)).toBe(true);
      }
    }
    expect(router.slots("fn") + late.slots("fn")).toBe(3);
    late.close();
  });

  it("tells routers that wait of an instance that failed to load", async () => {
    const { router, driver } = await up();
    driver.failSpecializations(loadError);
    router.request("fn", 1);
    await settled();
    const prepared = router.got.flatMap((message) => (message.type === "PREPARE" ? [message.instance.id] : []));
    expect(router.got).toContainEqual({ type: "GONE", instanceId: prepared[0] });
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
