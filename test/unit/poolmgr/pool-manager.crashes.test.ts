import { afterEach, describe, expect, it } from "@jest/globals";
import { settled } from "./support/fake-clock.js";
import { Stage } from "./support/stage.js";

describe("PoolManager, when instances crash", () => {
  let stage: Stage;
  afterEach(() => stage.down());

  it("says why an instance crashed also where that is known only once it was asked to end", async () => {
    stage = await Stage.up();
    const { router, driver, clock } = stage;
    driver.end = (id) => {
      driver.crash(id, "used more than its memory limit");
      return Promise.resolve();
    };
    for (let crash = 1; crash <= 3; crash++) {
      router.request("fn", 1);
      await clock.pass(100 * 2 ** (crash - 2));
      const [id = ""] = stage.instances();
      router.send({ type: "SUSPECT", instanceId: id, reason: "CRASHED" });
      router.finish(id);
      await clock.pass(260);
    }
    const why = "The instance crashed and is replaced: used more than its memory limit.";
    expect(stage.events.map(({ message }) => message)).toEqual([why, why, why]);
    router.request("fn", 1);
    await settled();
    expect(router.refused).toEqual([
      expect.objectContaining({ message: "The function crashes as soon as it runs: used more than its memory limit." }),
    ]);
  });
});
