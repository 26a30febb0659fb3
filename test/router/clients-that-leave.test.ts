/** What goes wrong at the client's end: the function is told or runs on, the slot comes back, the record is true. */
import type http from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ask, RawClient } from "./support/http-client.js";
import { aFunction } from "./support/route-builders.js";
import { Stage } from "./support/router-stage.js";
import { slotsAreBack } from "./support/slots-are-back.js";
import { until } from "./support/until.js";

const get = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";

describe("Router: a client that leaves", () => {
  let stage: Stage;
  beforeEach(async () => {
    const functions = [aFunction("hello", { settings: { timeoutSeconds: 1 } })];
    stage = await Stage.start({ functions, unreadMs: 2_500 });
  });
  afterEach(() => stage.stop());

  it("before the answer: the function runs to its end, and the slot is held till then", async () => {
    let finish: () => void = () => {};
    let wasCut = false;
    await stage.serve(
      (req, res) => {
        req.on("close", () => (wasCut = !res.writableEnded));
        finish = () => res.end("nobody listens");
      },
      { slots: 1 },
    );
    const client = await RawClient.connect(stage.port);
    client.write(get);
    await until("the function runs", () => stage.openUpstream === 1 && finish.length === 0);
    await until("the request is in", () =>
      stage.poolmgr.of("USAGE").some(({ instances }) => instances[0]?.inFlight === 1),
    );
    client.destroy();
    const next = ask(stage.port, "/next");
    await until("the next one waits", () =>
      stage.poolmgr.of("DEMAND").some(({ waiting, inFlight }) => waiting === 1 && inFlight === 1),
    );
    const finishFirst = finish;
    finishFirst();
    await until("the record", () => stage.records.length === 1);
    expect(stage.records[0]).toMatchObject({ status: "CANCELLED", path: "/x", httpStatus: null, responseBytes: 0 });
    expect(wasCut).toBe(false);
    await until("the next one runs", () => finish !== finishFirst);
    finish();
    expect((await next).status).toBe(200);
  });

  it("before any of its pipelined answers: all of them are recorded as cancelled", async () => {
    const finish: (() => void)[] = [];
    await stage.serve((_req, res) => void finish.push(() => res.end("nobody listens")));
    const client = await RawClient.connect(stage.port);
    client.write(`${get}${get}`);
    await until("both run", () => finish.length === 2);
    client.reset();
    await until("the client is gone", () => client.isClosed);
    await ask(stage.port, "/-/healthz");
    for (const one of finish) one();
    await until("the records", () => stage.records.length === 2);
    for (const record of stage.records) expect(record).toMatchObject({ status: "CANCELLED", httpStatus: null });
    await slotsAreBack(stage);
  });

  it("with a word before its answer, having asked for another protocol: that is noticed too", async () => {
    let finish: (() => void) | undefined;
    await stage.serve((_req, res) => (finish = () => res.end("nobody listens")));
    const client = await RawClient.connect(stage.port);
    client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    await until("the function runs", () => finish !== undefined);
    client.socket.end();
    await client.closed(900);
    finish?.();
    expect((await stage.record()).status).toBe("CANCELLED");
  });

  it("before an answer that never comes: poolmgr is told, and the record says cancelled", async () => {
    await stage.serve(() => {});
    const client = await RawClient.connect(stage.port);
    client.write(get);
    await until("the function runs", () => stage.openUpstream === 1);
    client.destroy();
    expect((await stage.record()).status).toBe("CANCELLED");
    expect(stage.poolmgr.of("SUSPECT")).toMatchObject([{ reason: "TIMED_OUT" }]);
    await slotsAreBack(stage);
  });

  it("before an answer that never ends: it is broken off at the time limit", async () => {
    let answerNow: () => void = () => {};
    await stage.serve((_req, res) => {
      answerNow = () => {
        const timer = setInterval(() => res.write("more"), 20);
        res.on("close", () => clearInterval(timer));
      };
    });
    const client = await RawClient.connect(stage.port);
    client.write(get);
    await until("the function runs", () => stage.openUpstream === 1);
    await until("the request is in", () => stage.poolmgr.of("USAGE").length > 0);
    client.destroy();
    answerNow();
    expect((await stage.record()).status).toBe("CANCELLED");
    await until("the function is told", () => stage.openUpstream === 0);
  });

  it("while it uploads: the function is told, and nothing is left open", async () => {
    let upload: http.IncomingMessage | undefined;
    await stage.serve((req) => (upload = req.resume()));
    const client = await RawClient.connect(stage.port);
    client.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    await until("the upload is in", () => upload !== undefined);
    client.reset();
    expect(await stage.record()).toMatchObject({ status: "CANCELLED", attempts: 1 });
    await until("the function is told", () => stage.openUpstream === 0);
    await slotsAreBack(stage);
  });

  it("while it sends a small body: no instance is bothered", async () => {
    await stage.serve((_req, res) => res.end());
    const client = await RawClient.connect(stage.port);
    client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    await until("it is under way", () => [...stage.recorder.running.values()].includes(1));
    client.destroy();
    expect(await stage.record()).toMatchObject({ status: "CANCELLED", attempts: 0, instance: null });
    expect(stage.openUpstream).toBe(0);
  });

  it("while it waits: its place in the line is free", async () => {
    const client = await RawClient.connect(stage.port);
    client.write(get);
    await until("it waits", () => stage.poolmgr.of("DEMAND").length === 1);
    client.destroy();
    expect(await stage.record()).toMatchObject({ status: "CANCELLED", attempts: 0, httpStatus: null });
    await until("poolmgr is told", () => stage.poolmgr.of("DEMAND").at(-1)?.waiting === 0);
  });

  const flood =
    (bytes: number): http.RequestListener =>
    (_req, res) => {
      let left = bytes;
      const more = (): void => {
        while (!res.destroyed && left > 0) {
          left -= 65_536;
          if (!res.write(Buffer.alloc(65_536))) return void res.once("drain", more);
        }
        res.end();
      };
      more();
    };

  it.each([1, 600])("but reads nothing is cut at the router's limit, where its function has %i s", async (seconds) => {
    await stage.stop();
    const functions = [aFunction("hello", { settings: { timeoutSeconds: seconds } })];
    stage = await Stage.start({ functions, unreadMs: 2_500 });
    await stage.serve(flood(Infinity));
    const client = await RawClient.connect(stage.port);
    client.socket.pause();
    client.write(get);
    await until("the record", () => stage.records.length === 1, 8_000);
    const error = "The caller took nothing of the answer for 2.5 s.";
    expect(stage.records[0]).toMatchObject({ status: "CANCELLED", error, httpStatus: 200 });
    client.destroy();
    await slotsAreBack(stage);
  });

  it("but reads slowly gets its answer, also where it takes nothing for longer than the function's limit", async () => {
    const bytes = 320 * 65_536;
    await stage.serve(flood(bytes));
    const client = await RawClient.connect(stage.port);
    client.socket.pause();
    client.write(get);
    const sinceMs = performance.now();
    await until("the function's limit is over", () => performance.now() - sinceMs > 1_500);
    client.socket.resume();
    await until("all of it", () => client.received.length > bytes);
    expect(await stage.record()).toMatchObject({ status: "SUCCEEDED", responseBytes: bytes });
    client.destroy();
  });

  it("or sends so slowly that its body does not come in time gets 408, and the instance is not blamed", async () => {
    await stage.serve((req) => void req.resume());
    for (const framing of ["Content-Length: 10", "Content-Length: 1000000", "Transfer-Encoding: chunked"]) {
      const client = await RawClient.connect(stage.port);
      client.write(`POST / HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n1\r\na`);
      expect(await client.sees("too slowly", 8_000)).toMatch(/^HTTP\/1\.1 408 [^]*REQUEST_TIMEOUT/);
      await client.closed();
    }
    expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
    await slotsAreBack(stage);
  });
});
