/** What a watch is not told of: a cluster made anew, a trigger switched off and on, a moment without a leader. */
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../../../src/errors/app-error.js";
import { aTrigger, WatchStage } from "./support/watch-stage.js";

const noRouter = Object.assign(new Error("connect ECONNREFUSED"), { syscall: "connect" });

describe("WatchEngine", () => {
  let stage: WatchStage;
  beforeEach(() => {
    stage = new WatchStage();
  });
  afterEach(() => stage.stop());

  it("lists where a restart finds a cluster whose versions went back, and goes on with those", async () => {
    stage.cluster.put("a");
    await stage.start();
    await stage.stop();
    stage.news();
    stage.cluster.beginAnew();
    stage.cluster.put("b");
    await stage.restart();
    stage.cluster.put("c");
    await stage.pass();
    expect(stage.news()).toEqual(["ADDED b", "DELETED a", "ADDED c"]);
  });

  it("lists where a watch that fails and goes on finds the versions gone back", async () => {
    stage.cluster.put("a");
    await stage.start();
    stage.news();
    stage.cluster.problem = new AppError("CLUSTER_UNAVAILABLE", "It is away.");
    stage.cluster.beginAnew();
    await stage.pass();
    stage.cluster.problem = undefined;
    stage.cluster.put("b");
    await stage.pass(20_000);
    expect(stage.news()).toEqual(["ADDED b", "DELETED a"]);
  });

  it("says how it is of a trigger that was switched off and on before anybody looked", async () => {
    await stage.start();
    stage.statuses.clear();
    stage.triggers = [aTrigger({ revision: 3 })];
    stage.engine.lookAgain();
    await stage.pass();
    expect([stage.condition, stage.reason]).toEqual(["READY", null]);
  });

  it.each([
    ["there is no router", new AppError("CLUSTER_UNAVAILABLE", "The router gave no answer.", { cause: noRouter })],
    ["a router knows nothing", new AppError("STORE_UNAVAILABLE", "The routes are not loaded yet.")],
  ])("tells one state after the other where %s yet, and says so meanwhile", async (_what, error) => {
    await stage.start();
    stage.status = undefined;
    stage.cluster.put("a");
    await stage.pass();
    stage.calls[0]?.fail(error);
    stage.cluster.put("a");
    await stage.pass();
    expect([stage.condition, stage.reason]).toEqual(["FAILING", expect.stringContaining(error.message.slice(0, -1))]);
    stage.status = 200;
    await stage.pass(1_000);
    expect(stage.news()).toEqual(["ADDED a", "ADDED a", "MODIFIED a"]);
    expect(stage.condition).toBe("READY");
  });

  it("counts no attempt while it is not sure whether it leads", async () => {
    await stage.start();
    stage.isHeld = false;
    stage.status = undefined;
    stage.cluster.put("a");
    await stage.pass(9_500);
    stage.isHeld = true;
    await stage.pass(1_000);
    expect(stage.calls.map(({ request }) => request.ownHeaders)).toEqual([
      expect.arrayContaining([["X-Fermi-Attempt", "1"]]),
    ]);
  });
});
