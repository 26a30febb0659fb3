import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../../../src/errors/app-error.js";
import { silentLogger } from "../../../../src/lib/logger.js";
import { aTrigger, WatchStage } from "./support/watch-stage.js";

describe("WatchEngine", () => {
  let stage: WatchStage;
  beforeEach(() => {
    stage = new WatchStage();
  });
  afterEach(() => stage.stop());

  it("tells a new trigger's function of all there is, and then of what happens", async () => {
    for (const name of ["a", "b", "c"]) stage.cluster.put(name);
    await stage.start();
    expect(stage.news()).toEqual(["ADDED a", "ADDED b", "ADDED c"]);
    expect([stage.condition, stage.reason]).toEqual(["READY", null]);
    stage.cluster.put("a");
    stage.cluster.put("d");
    stage.cluster.remove("b");
    await stage.pass();
    expect(stage.news()).toEqual(["MODIFIED a", "ADDED d", "DELETED b"]);
    expect(stage.cluster.lists).toBe(1);
  });

  it("posts the object as JSON, with what it is in headers", async () => {
    stage.status = undefined;
    const object = stage.cluster.put("a", { app: "x" });
    await stage.start();
    const [call] = stage.calls;
    const { request } = call!;
    expect(JSON.parse(String(request.body))).toEqual(object);
    expect(request).toMatchObject({
      ...{ functionId: "fn", version: null, method: "POST", path: "/" },
      ...{ source: "KUBERNETES_WATCH", triggerId: "trigger" },
    });
    expect(Object.fromEntries([...request.headers, ...request.ownHeaders!])).toEqual({
      "Content-Type": "application/json",
      "X-Kubernetes-Event-Type": "ADDED",
      "X-Kubernetes-Object-Type": "Pod",
      "X-Fermi-Trigger": "pods",
      "X-Fermi-Attempt": "1",
      "X-Fermi-Event": "ADDED",
      "X-Fermi-Object-Kind": "Pod",
      "X-Fermi-Object-Namespace": "n",
      "X-Fermi-Object-Name": "a",
      "X-Fermi-Object-ResourceVersion": object.metadata.resourceVersion,
    });
  });

  it("goes on after a restart from where it was, and repeats nothing", async () => {
    stage.cluster.put("a");
    stage.cluster.put("b");
    await stage.start();
    stage.cluster.remove("b");
    await stage.pass();
    stage.news();
    await stage.stop();
    stage.cluster.put("a");
    stage.cluster.put("a");
    stage.cluster.put("c");
    stage.cluster.remove("c");
    await stage.restart();
    expect(stage.news()).toEqual(["MODIFIED a", "MODIFIED a", "ADDED c", "DELETED c"]);
    expect(stage.cluster.lists).toBe(1);
    await stage.restart();
    expect(stage.news()).toEqual([]);
  });

  it("repeats nothing of what was told after the first that was not", async () => {
    stage.cluster.put("a");
    await stage.start();
    stage.status = undefined;
    stage.cluster.put("a");
    stage.cluster.put("b");
    stage.cluster.put("c");
    stage.cluster.remove("c");
    await stage.pass();
    stage.calls.filter((_, i) => i > 0).forEach((call) => call.answer(200));
    await stage.pass();
    stage.calls.at(-1)!.answer(200);
    await stage.pass();
    expect(stage.news()).toEqual(["ADDED a", "MODIFIED a", "ADDED b", "ADDED c", "DELETED c"]);
    stage.status = 200;
    await stage.restart();
    expect(stage.news()).toEqual(["MODIFIED a"]);
    expect(stage.store.rows.get("trigger")!.size).toBe(2);
  });

  it("lists anew where the cluster has forgotten, and tells only what is different", async () => {
    for (const name of ["same", "changed", "gone", "again"]) stage.cluster.put(name, { app: name });
    await stage.start();
    await stage.stop();
    stage.news();
    stage.cluster.put("changed");
    stage.cluster.remove("gone");
    stage.cluster.remove("again");
    stage.cluster.put("again");
    stage.cluster.put("new");
    stage.cluster.forget();
    stage.status = undefined;
    await stage.restart();
    await stage.pass(1_000);
    expect(stage.news()).toEqual(["MODIFIED changed", "DELETED again", "ADDED new", "DELETED gone"]);
    const gone = stage.calls.at(-1)!.request;
    expect(JSON.parse(String(gone.body))).toMatchObject({
      ...{ apiVersion: "v1", kind: "Pod" },
      metadata: { name: "gone", namespace: "n", labels: { app: "gone" } },
    });
    expect(gone.ownHeaders).toContainEqual(["X-Fermi-Object-Partial", "true"]);
    stage.status = 200;
    for (const call of stage.calls) call.answer(200);
    await stage.pass();
    expect(stage.news()).toEqual(["ADDED again"]);
    await stage.restart();
    expect(stage.news()).toEqual([]);
  });

  it("goes on from the last event where a watch ends", async () => {
    stage.cluster.put("a");
    await stage.start();
    stage.news();
    stage.cluster.cut();
    stage.cluster.put("b");
    await stage.pass(1_000);
    expect(stage.news()).toEqual(["ADDED b"]);
    expect([stage.cluster.lists, stage.cluster.watches]).toEqual([1, 2]);
  });

  it("keeps to where bookmarks say that nothing happened", async () => {
    await stage.start();
    stage.cluster.bookmark();
    await stage.pass();
    await stage.stop();
    stage.cluster.cut();
    await stage.restart();
    expect(stage.cluster.lists).toBe(1);
  });

  it("tells a function that was down what there is when it is back", async () => {
    stage.status = 503;
    stage.cluster.put("a");
    stage.cluster.put("b");
    stage.cluster.put("c");
    await stage.start();
    expect([stage.condition, stage.reason]).toEqual([
      "FAILING",
      "The function answers 503 to ADDED Pod n/a; it is tried again.",
    ]);
    stage.cluster.put("a", { now: "yes" });
    stage.cluster.put("a", { now: "surely" });
    stage.cluster.remove("b");
    await stage.pass(1_000_000);
    expect(new Set(stage.news())).toEqual(new Set(["ADDED a", "ADDED b", "ADDED c", "DELETED b"]));
    stage.status = 200;
    await stage.pass(300_000);
    expect(stage.news().sort()).toEqual(["ADDED a", "ADDED c", "DELETED b"]);
    expect(stage.condition).toBe("READY");
    expect(stage.store.rows.get("trigger")!.get("uid-1")!.metadata.labels).toEqual({ now: "surely" });
  });

  it("does not let one object's failure hold up another's", async () => {
    stage.status = undefined;
    stage.cluster.put("bad");
    stage.cluster.put("good");
    await stage.start();
    stage.calls[0]!.answer(500);
    stage.calls[1]!.answer(200);
    stage.cluster.put("good");
    await stage.pass(200);
    expect(stage.news()).toEqual(["ADDED bad", "ADDED good", "MODIFIED good"]);
    expect(stage.reason).toContain("500 to ADDED Pod n/bad");
  });

  it("does not tell again what the function refuses, and says so until something works", async () => {
    stage.status = 404;
    stage.cluster.put("a");
    await stage.start();
    expect([stage.condition, stage.reason]).toEqual([
      "FAILING",
      "The function answered 404 to ADDED Pod n/a: it is not told again.",
    ]);
    await stage.pass(1_000_000);
    await stage.restart();
    expect(stage.news()).toEqual(["ADDED a"]);
    stage.status = 200;
    stage.cluster.put("a");
    await stage.pass();
    expect([stage.news(), stage.condition]).toEqual([["MODIFIED a"], "READY"]);
  });

  it.each([408, 429, 500, 502])("tells again what was answered %d", async (status) => {
    stage.status = status;
    stage.cluster.put("a");
    await stage.start();
    stage.status = 200;
    await stage.pass(1_000);
    expect(stage.news()).toEqual(["ADDED a", "ADDED a"]);
  });

  it("tells again where the platform fails, but not where nothing can mend it", async () => {
    stage.status = undefined;
    stage.cluster.put("a");
    stage.cluster.put("b");
    await stage.start();
    stage.calls[0]!.fail(new AppError("CLUSTER_UNAVAILABLE", "The router gave no answer."));
    stage.calls[1]!.fail(new AppError("BODY_TOO_LARGE", "It is too large."));
    await stage.pass();
    expect(stage.reason).toBe("ADDED Pod n/a can't be told for now: The router gave no answer. It is tried again.");
    await stage.pass(10_000);
    expect(stage.news()).toEqual(["ADDED a", "ADDED b", "ADDED a"]);
    stage.calls[2]!.fail(new Error("a mistake"));
    await stage.pass();
    expect(stage.reason).toContain("a mistake of Fermi's own");
  });

  const problems: [string, AppError, string][] = [
    ["a kind that is none", new AppError("NOT_FOUND", "No such kind."), "INVALID"],
    ["a selector that is none", new AppError("BAD_USER_INPUT", "No such field."), "INVALID"],
    ["a refusal", new AppError("FORBIDDEN", "May not."), "FAILING"],
    ["a cluster that is away", new AppError("CLUSTER_UNAVAILABLE", "Away."), "FAILING"],
  ];
  it.each(problems)("says %s on the trigger, and heals by itself", async (_what, problem, condition) => {
    stage.cluster.problem = problem;
    await stage.start();
    expect([stage.condition, stage.reason]).toEqual([condition, problem.message]);
    stage.cluster.problem = undefined;
    stage.cluster.put("a");
    await stage.pass(15_000);
    expect([stage.news(), stage.condition]).toEqual([["ADDED a"], "READY"]);
  });

  it("says that there is no cluster", async () => {
    const problem = new AppError("BAD_USER_INPUT", "There is no cluster.");
    const other = new WatchStage({ cluster: () => Promise.reject(problem) });
    await other.start();
    expect([other.condition, other.reason]).toEqual(["INVALID", "There is no cluster."]);
    await other.stop();
  });

  it("says in the log, once in a while, that triggers can't be read", async () => {
    const away = new AppError("STORE_UNAVAILABLE", "The store is away.");
    const warnings: object[] = [];
    const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    const other = new WatchStage({ triggers: { load: () => Promise.reject(away) }, logger });
    await other.start();
    await other.pass(5_000);
    expect(warnings).toEqual([{ err: away }]);
    await other.stop();
  });

  it("asks only for a while between failures, and ever more seldom", async () => {
    let asked = 0;
    const cluster = (): Promise<never> => Promise.reject(new AppError("FORBIDDEN", `${++asked}`));
    const other = new WatchStage({ cluster });
    await other.start();
    await other.pass(3_600_000);
    expect(asked).toBeGreaterThan(200);
    expect(asked).toBeLessThan(300);
    await other.stop();
  });

  it("lets triggers be disabled, enabled, changed and deleted", async () => {
    stage.cluster.put("a");
    await stage.start();
    stage.triggers = [aTrigger({ enabled: false })];
    stage.engine.lookAgain();
    await stage.pass();
    stage.cluster.put("b");
    await stage.pass();
    expect(stage.news()).toEqual(["ADDED a"]);
    stage.triggers = [aTrigger()];
    stage.engine.lookAgain();
    await stage.pass();
    expect(stage.news()).toEqual(["ADDED b"]);
    // Another selection: what it does not find any more is gone, what it finds still is not told again.
    stage.triggers = [aTrigger({ labelSelector: "app=x" })];
    stage.cluster.remove("b");
    stage.engine.lookAgain();
    await stage.pass();
    expect([stage.news(), stage.cluster.lists]).toEqual([["DELETED b"], 2]);
    stage.triggers = [];
    stage.engine.lookAgain();
    stage.cluster.put("c");
    await stage.pass(60_000);
    expect(stage.news()).toEqual([]);
  });

  it("tries at once when the function is another one", async () => {
    stage.status = 500;
    stage.cluster.put("a");
    await stage.start();
    await stage.pass(1_000_000);
    stage.news();
    stage.status = 200;
    stage.triggers = [aTrigger({ functionVersionId: "two" })];
    stage.engine.lookAgain();
    await stage.pass();
    expect(stage.news()).toEqual(["ADDED a"]);
  });

  it("waits for the store, and tells nothing that it could not note for long", async () => {
    stage.store.isAway = true;
    stage.cluster.put("a");
    await stage.start();
    expect(stage.news()).toEqual([]);
    stage.store.isAway = false;
    await stage.pass(10_000);
    expect(stage.news()).toEqual(["ADDED a"]);
    stage.store.isAway = true;
    for (let i = 0; i < 6_000; i++) stage.cluster.put(`a${i}`);
    await stage.pass(2_000);
    expect(stage.news().length).toBeLessThan(5_100);
    stage.store.isAway = false;
    await stage.pass(400_000);
    expect(stage.store.rows.get("trigger")!.size).toBe(6_001);
  });

  it("ends although what was told can't be noted, also while that is waited for", async () => {
    stage.cluster.put("a");
    await stage.start();
    stage.store.isAway = true;
    stage.cluster.put("b");
    await stage.pass(10);
    stage.cluster.remove("a");
    stage.cluster.forget();
    await stage.pass(10_000);
    let isStopped = false;
    void stage.engine.stop().then(() => (isStopped = true));
    await stage.pass(60_000);
    expect([isStopped, stage.news()]).toEqual([true, ["ADDED a", "ADDED b"]]);
    stage.store.isAway = false;
    await stage.restart();
    await stage.pass(10_000);
    // That it was told of b was never noted.
    expect(stage.news().sort()).toEqual(["ADDED b", "DELETED a"]);
  });

  it("tells nothing once another process may lead, and writes nothing over what that has written", async () => {
    await stage.start();
    stage.cluster.put("a");
    await stage.pass(10);
    const successor = stage.anEngine();
    stage.isHeld = false;
    stage.cluster.put("b");
    await stage.pass(10);
    expect(stage.news()).toEqual(["ADDED a"]);
    stage.isHeld = true;
    successor.start();
    // It was told, and noted by nobody in time: at least once.
    await stage.pass(10);
    expect(stage.news()).toEqual(["ADDED a", "ADDED b"]);
    await stage.pass(10_000);
    const before = JSON.stringify([...stage.store.rows.get("trigger")!]);
    await stage.engine.stop();
    expect(JSON.stringify([...stage.store.rows.get("trigger")!])).toBe(before);
    stage.engine = successor;
  });

  it("gives up calls that take too long at its end, and tells again of what they were about", async () => {
    stage.status = undefined;
    stage.cluster.put("a");
    await stage.start();
    await stage.stop();
    expect(stage.calls[0]!.signal.aborted).toBe(true);
    expect(stage.condition).toBe("READY");
    stage.status = 200;
    await stage.restart();
    expect(stage.news()).toEqual(["ADDED a", "ADDED a"]);
  });

  it("reads no more than may wait for the function, and loses nothing of it", async () => {
    const other = new WatchStage({ maxBytes: 1 });
    other.status = 500;
    const labels = { l: "x".repeat(4_000) };
    for (let i = 0; i < 400; i++) other.cluster.put(`a${i}`, labels);
    await other.start();
    await other.pass(60_000);
    const waiting = new Set(other.news()).size;
    expect(waiting).toBeGreaterThan(40);
    expect(waiting).toBeLessThan(100);
    other.status = 200;
    await other.pass(600_000);
    expect(other.store.rows.get("trigger")!.size).toBe(400);
    await other.stop();
  });

  describe("with a bound on how many objects there may be", () => {
    const tooMany = ["INVALID", "It finds more than 2 objects: narrow it by a selector."];
    let other: WatchStage;
    beforeEach(async () => {
      other = new WatchStage({ maxObjects: 2 });
      for (const name of ["a", "b"]) other.cluster.put(name);
      await other.start();
    });
    afterEach(() => other.stop());

    it("says so where events bring more, and goes on when there are fewer again", async () => {
      other.cluster.put("c");
      await other.pass();
      expect([other.condition, other.reason]).toEqual(tooMany);
      other.cluster.put("d");
      other.cluster.remove("a");
      other.cluster.remove("b");
      await other.pass(20_000);
      expect(other.condition).toBe("READY");
      expect(other.news()).toEqual(["ADDED a", "ADDED b", "ADDED c", "ADDED d", "DELETED a", "DELETED b"]);
    });

    it("counts none that have gone", async () => {
      for (const name of ["a", "b"]) other.cluster.remove(name);
      for (const name of ["c", "d"]) other.cluster.put(name);
      other.cluster.forget();
      await other.pass(20_000);
      expect(other.condition).toBe("READY");
      expect(other.news().sort()).toEqual(["ADDED a", "ADDED b", "ADDED c", "ADDED d", "DELETED a", "DELETED b"]);
    });
  });

  it("keeps two triggers apart", async () => {
    stage.triggers = [aTrigger(), aTrigger({ id: "other", functionId: "other" })];
    stage.cluster.put("a");
    await stage.start();
    expect(stage.news()).toEqual(["ADDED a", "ADDED a"]);
    expect([...stage.statuses.keys()].sort()).toEqual(["other", "trigger"]);
  });
});
