/** Slots through the front door: cold starts, lines, refusals, withdrawals and a pool manager that is away. */
import type http from "node:http";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { Demand } from "./support/fake-poolmgr.js";
import { ask, errorCode } from "./support/http-client.js";
import { aFunction, aTrigger } from "./support/route-builders.js";
import { Stage } from "./support/router-stage.js";
import { until } from "./support/until.js";

describe("Router: admission", () => {
  let stage: Stage;
  afterEach(() => stage.stop());

  /** An instance whose requests end when told. */
  async function serveHeld(grant: { id?: string; slots?: number } = {}): Promise<http.ServerResponse[]> {
    const held: http.ServerResponse[] = [];
    await stage.serve((_req, res) => void held.push(res), grant);
    return held;
  }
  const lastDemand = (): Demand | undefined => stage.poolmgr.of("DEMAND").at(-1);

  it("waits for a cold instance and records it as a cold start", async () => {
    stage = await Stage.start();
    const answer = ask(stage.port, "/");
    await until("the demand", () => lastDemand()?.waiting === 1);
    expect(lastDemand()).toEqual({
      type: "DEMAND",
      target: { functionId: "id-of-hello", version: 1 },
      inFlight: 0,
      waiting: 1,
    });
    await stage.serve((_req, res) => res.end("cold"));
    expect((await answer).body).toBe("cold");
    await ask(stage.port, "/");
    await until("the records", () => stage.records.length === 2);
    const [cold, warm] = stage.records;
    expect(cold).toMatchObject({ coldStart: true, status: "SUCCEEDED" });
    expect(cold?.waitMs).toBeGreaterThan(0);
    expect(cold?.waitMs).toBeLessThanOrEqual(cold?.durationMs ?? 0);
    expect(warm).toMatchObject({ coldStart: false, waitMs: 0 });
  });

  it("asks poolmgr nothing for a warm request", async () => {
    stage = await Stage.start();
    await stage.serve((_req, res) => res.end());
    for (let i = 0; i < 5; i++) await ask(stage.port, "/");
    const once = [{ type: "ANSWERED", instanceId: "instance-1" }];
    expect(stage.poolmgr.received.filter(({ type }) => type !== "USAGE")).toEqual(once);
  });

  it("never has more requests in an instance than it was granted slots, and serves the line in order", async () => {
    stage = await Stage.start();
    let running = 0;
    let most = 0;
    const order: string[] = [];
    await stage.serve(
      (req, res) => {
        most = Math.max(most, ++running);
        order.push(req.url ?? "");
        setTimeout(() => (running--, res.end()), 5);
      },
      { slots: 2 },
    );
    const answers: Promise<{ status: number }>[] = [];
    for (let i = 0; i < 30; i++) {
      answers.push(ask(stage.port, `/${i}`));
      await until(
        `request ${i} is known`,
        () => stage.recorder.running.get("id-of-hello") === answers.length - stage.records.length,
      );
    }
    expect((await Promise.all(answers)).every(({ status }) => status === 200)).toBe(true);
    expect(most).toBe(2);
    expect(order).toEqual(answers.map((_, i) => `/${i}`));
  });

  it("refuses at once with 429 when the line is full", async () => {
    stage = await Stage.start({ maxWaitingPerFunction: 2 });
    const waiting = [ask(stage.port, "/"), ask(stage.port, "/")];
    await until("two wait", () => lastDemand()?.waiting === 2);
    const refused = await ask(stage.port, "/");
    expect([refused.status, errorCode(refused), refused.headers["retry-after"]]).toEqual([429, "QUEUE_FULL", "1"]);
    expect(stage.records[0]).toMatchObject({
      status: "FAILED",
      httpStatus: 429,
      attempts: 0,
      instance: null,
      error: expect.stringContaining("wait"),
    });
    await stage.serve((_req, res) => res.end());
    await Promise.all(waiting);
  });

  it("ends a wait at the function's time limit: 429 where it had no turn, 503 where the pool manager is away", async () => {
    stage = await Stage.start({ functions: [aFunction("hello", { settings: { timeoutSeconds: 0.2 } })] });
    const none = await ask(stage.port, "/");
    expect([none.status, errorCode(none)]).toEqual([429, "QUEUE_FULL"]);
    stage.poolmgr.isAway = true;
    stage.poolmgr.lose();
    const unserved = await ask(stage.port, "/");
    expect([unserved.status, errorCode(unserved)]).toEqual([503, "CLUSTER_UNAVAILABLE"]);
    stage.poolmgr.isAway = false;
    await until("the pool manager is back", () => stage.poolmgr.opened === 2);
    stage.source.change({ functions: [aFunction("hello", { settings: { timeoutSeconds: 0.5 } })] });
    const held = await serveHeld({ slots: 1 });
    const first = ask(stage.port, "/");
    await until("the first runs", () => held.length === 1);
    const busy = ask(stage.port, "/");
    setTimeout(() => held[0]?.writeHead(200).write("still at it"), 300);
    const answer = await busy;
    expect([answer.status, errorCode(answer)]).toEqual([429, "QUEUE_FULL"]);
    held[0]?.end();
    await first;
  });

  it("answers every waiter with poolmgr's refusal", async () => {
    stage = await Stage.start();
    const answers = [ask(stage.port, "/"), ask(stage.port, "/")];
    await until("two wait", () => lastDemand()?.waiting === 2);
    stage.poolmgr.refuse(
      { functionId: "id-of-hello", version: 1 },
      { code: "LOAD_FAILED", message: "SyntaxError: line 3" },
    );
    for (const answer of await Promise.all(answers)) {
      expect([answer.status, errorCode(answer)]).toEqual([502, "LOAD_FAILED"]);
      expect(answer.body).toContain("SyntaxError: line 3");
    }
    expect(stage.records).toMatchObject([{ status: "FAILED", error: "SyntaxError: line 3" }, { status: "FAILED" }]);
  });

  it("lets requests of a withdrawn instance finish, sends it no new one, and then gives it back", async () => {
    stage = await Stage.start();
    const held = await serveHeld({ id: "old" });
    const first = ask(stage.port, "/");
    await until("it runs", () => held.length === 1);
    stage.poolmgr.withdraw("old");
    await stage.serve((_req, res) => res.end("new"), { id: "new" });
    expect((await ask(stage.port, "/")).body).toBe("new");
    expect(stage.poolmgr.of("RELEASED")).toEqual([]);
    held[0]?.end("finished");
    expect((await first).body).toBe("finished");
    await until("it is given back", () => stage.poolmgr.of("RELEASED").length === 1);
    expect(stage.poolmgr.of("RELEASED")).toEqual([{ type: "RELEASED", instanceId: "old" }]);
  });

  it("fails what is in flight in an instance that is gone, though its connection never breaks", async () => {
    stage = await Stage.start();
    await serveHeld({ id: "lost" });
    const answer = ask(stage.port, "/");
    await until("it runs", () => stage.openUpstream === 1);
    stage.poolmgr.gone("lost");
    expect(errorCode(await answer)).toBe("FUNCTION_CRASHED");
  });

  it("goes on serving warm functions while poolmgr is away, and tells the new one what is still true", async () => {
    stage = await Stage.start();
    const held = await serveHeld({ id: "kept", slots: 1 });
    const running = ask(stage.port, "/");
    await until("it runs", () => held.length === 1);
    stage.poolmgr.isAway = true;
    stage.poolmgr.lose();
    held[0]?.end();
    expect((await running).status).toBe(200);
    const warm = ask(stage.port, "/");
    await until("a warm request runs", () => held.length === 2);
    const waiting = ask(stage.port, "/");
    await until("one waits", () => stage.recorder.running.get("id-of-hello") === 2);
    stage.poolmgr.received.length = 0;
    stage.poolmgr.isAway = false;
    await until("the stream is open again", () => stage.poolmgr.opened === 2);
    await until("the demand is told again", () => lastDemand()?.waiting === 1);
    held[1]?.end();
    await until("the waiting one runs", () => held.length === 3);
    held[2]?.end();
    expect([(await warm).status, (await waiting).status]).toEqual([200, 200]);
  });

  it("sends new requests to the new version as soon as the routes say so", async () => {
    stage = await Stage.start();
    await stage.serve((_req, res) => res.end("one"), { version: 1 });
    await stage.serve((_req, res) => res.end("two"), { version: 2 });
    expect((await ask(stage.port, "/")).body).toBe("one");
    stage.source.change({ functions: [aFunction("hello", { currentVersionNumber: 2 })] });
    await until("the table is swapped", () => stage.source.loads === 2);
    expect((await ask(stage.port, "/")).body).toBe("two");
    expect(stage.records.at(-1)).toMatchObject({ functionVersion: 2 });
  });

  it("keeps a full function from hindering another", async () => {
    stage = await Stage.start({
      functions: [aFunction("hello"), aFunction("other")],
      triggers: [aTrigger("/hello"), aTrigger("/other", { functionId: "id-of-other" })],
      maxWaitingPerFunction: 1,
    });
    const held = await serveHeld({ slots: 1 });
    await stage.serve((_req, res) => res.end("other"), { functionId: "id-of-other" });
    const first = ask(stage.port, "/hello");
    await until("the first runs", () => held.length === 1);
    const second = ask(stage.port, "/hello");
    await until("the second waits", () => lastDemand()?.waiting === 1);
    expect((await ask(stage.port, "/hello")).status).toBe(429);
    expect((await ask(stage.port, "/other")).body).toBe("other");
    held[0]?.end();
    await until("the second runs", () => held.length === 2);
    held[1]?.end();
    await Promise.all([first, second]);
  });
});
