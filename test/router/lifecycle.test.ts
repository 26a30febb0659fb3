/** Start, limits, changes of the routes, and a stop that loses nothing. */
import http from "node:http";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { Logger } from "../../src/lib/logger.js";
import { silentLogger } from "../../src/lib/logger.js";
import { Router } from "../../src/router/router.js";
import { systemClock } from "../../src/lib/clock.js";
import { eventually } from "../support/harness.js";
import { ask, errorCode, RawClient } from "./support/http-client.js";
import { FakePoolmgr } from "./support/fake-poolmgr.js";
import { FakeRecorder } from "./support/fake-recorder.js";
import { aFunction, aTrigger } from "./support/route-builders.js";
import { FakeSource, internalAuth, Stage } from "./support/router-stage.js";
import { until } from "./support/until.js";

describe("Router: its life", () => {
  let stage: Stage;
  afterEach(() => stage.stop());

  it("is not ready until the routes are loaded, and tries until they are", async () => {
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) };
    const source = new FakeSource([aFunction("hello")], [aTrigger("/hello")]);
    source.failure = new Error("no database");
    const options = { host: "127.0.0.1", port: 0, internalAuth, clock: systemClock };
    const router = new Router({ ...options, logger, source, link: new FakePoolmgr(), recorder: new FakeRecorder() });
    stage = await Stage.start();
    const { port } = await router.start();
    await until("it has tried", () => warnings.length > 0);
    expect((await ask(port, "/-/readyz")).status).toBe(503);
    const early = await ask(port, "/hello");
    expect([early.status, errorCode(early), early.headers["retry-after"]]).toEqual([503, "STORE_UNAVAILABLE", "1"]);
    source.failure = undefined;
    await until("it is ready", () => router.isReady);
    expect((await ask(port, "/-/readyz")).status).toBe(200);
    await router.stop(0);
  });

  it("keeps its routes while the store is away, and takes up changes when it is back", async () => {
    stage = await Stage.start({ triggers: [aTrigger("/old")] });
    await stage.serve((_req, res) => res.end("ok"));
    stage.source.failure = new Error("no database");
    stage.source.change({ triggers: [aTrigger("/new")] });
    await until("a load failed", () => stage.source.loads >= 2);
    expect((await ask(stage.port, "/old")).status).toBe(200);
    expect((await ask(stage.port, "/-/readyz")).status).toBe(200);
    stage.source.failure = undefined;
    stage.source.change({});
    await until("the change is loaded", () => stage.source.loads >= 3);
    expect((await ask(stage.port, "/old")).status).toBe(404);
    expect((await ask(stage.port, "/new")).status).toBe(200);
  });

  it("goes on serving while it drains, says that it is not ready, and sends clients elsewhere", async () => {
    stage = await Stage.start({ triggers: [aTrigger("/a")] });
    await stage.serve((_req, res) => res.end("fine"));
    const kept = await RawClient.connect(stage.port);
    kept.write("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await kept.sees("fine")).not.toMatch(/^Connection: close/im);
    stage.router.drain();
    const probe = await ask(stage.port, "/-/readyz");
    expect([probe.status, probe.body]).toEqual([503, '{"ready":false,"message":"The router is stopping."}']);
    kept.write("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await kept.sees("Connection: close")).toMatch(/^HTTP\/1\.1 200 /);
    await kept.closed();
    const fresh = await ask(stage.port, "/a");
    expect([fresh.status, fresh.body, fresh.headers["connection"]]).toEqual([200, "fine", "close"]);
    const missing = await ask(stage.port, "/none");
    expect([missing.status, missing.headers["connection"]]).toEqual([404, "close"]);
  });

  it("answers 404 and 405 with Allow as errors of its own, and records neither", async () => {
    stage = await Stage.start({ triggers: [aTrigger("/a", { methods: ["GET", "POST"] })] });
    const missing = await ask(stage.port, "/a/");
    expect([missing.status, errorCode(missing)]).toEqual([404, "ROUTE_NOT_FOUND"]);
    const wrong = await ask(stage.port, "/a", { method: "DELETE", body: "abc", headers: { "content-length": 3 } });
    expect([wrong.status, errorCode(wrong), wrong.headers["allow"]]).toEqual([
      405,
      "METHOD_NOT_ALLOWED",
      "GET, HEAD, POST",
    ]);
    expect(wrong.headers["x-fermi-invocation-id"]).toMatch(/^[\da-f-]{36}$/);
    expect(stage.records).toEqual([]);
  });

  it("keeps a connection open after an error, and serves the next request on it", async () => {
    stage = await Stage.start({ triggers: [aTrigger("/a", { methods: ["POST"] })] });
    await stage.serve((_req, res) => res.end("fine"));
    const client = await RawClient.connect(stage.port);
    client.write("POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    await client.sees("ROUTE_NOT_FOUND");
    client.write("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    await client.sees("fine");
    client.destroy();
  });

  it("refuses headers that are too large with 431 and too many with 431", async () => {
    stage = await Stage.start();
    const large = await ask(stage.port, "/", { headers: { "x-large": "x".repeat(40_000) } });
    expect([large.status, errorCode(large)]).toEqual([431, "HEADERS_TOO_LARGE"]);
    const client = await RawClient.connect(stage.port);
    client.write(`GET / HTTP/1.1\r\nHost: x\r\n${"a:\r\n".repeat(2001)}\r\n`);
    expect(await client.sees("HEADERS_TOO_LARGE")).toMatch(/^HTTP\/1\.1 431 /);
    client.destroy();
  });

  it("refuses headers that come too slowly", async () => {
    stage = await Stage.start({ headersTimeoutMs: 100 });
    const client = await RawClient.connect(stage.port);
    client.write("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
    expect(await client.sees("too slowly")).toMatch(/^HTTP\/1\.1 408 [^]*REQUEST_TIMEOUT/);
    await client.closed();
  });

  it("refuses a body over the limit at once by its length, and by count when chunked", async () => {
    stage = await Stage.start({ maxBodyBytes: 100_000 });
    let runs = 0;
    await stage.serve((req, res) => {
      runs++;
      req.resume().on("end", () => res.end("took it"));
    });
    const body = "x".repeat(100_001);
    const announced = await ask(stage.port, "/", { method: "POST", body });
    expect([announced.status, errorCode(announced), runs]).toEqual([413, "BODY_TOO_LARGE", 0]);
    const client = await RawClient.connect(stage.port);
    client.write(
      `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n`,
    );
    expect(await client.sees("BODY_TOO_LARGE")).toMatch(/^HTTP\/1\.1 413 /);
    await client.closed();
    const fits = await ask(stage.port, "/", { method: "POST", body: body.slice(1) });
    expect(fits.body).toBe("took it");
    await until("the records", () => stage.records.length === 3);
    expect(stage.records.map(({ httpStatus }) => httpStatus)).toEqual([413, 413, 200]);
    expect(stage.records[0]?.responseBytes).toBe(announced.body.length);
    await until("nothing is left open", () => stage.openUpstream <= 1);
  });

  it.each([
    ["it is too large", {}, 413],
    ["no instance is there for", { functions: [aFunction("hello", { settings: { timeoutSeconds: 0.05 } })] }, 429],
  ])("lets a client that sends all of its body before it reads know that %s", async (_why, options, status) => {
    stage = await Stage.start({ maxBodyBytes: 100_000, ...options });
    if (status === 413) await stage.serve((req, res) => req.resume().on("end", () => res.end("took it")));
    const client = await RawClient.connect(stage.port);
    const size = 20_000_000;
    const chunk = "x".repeat(size);
    await client.writeFirst(
      `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`,
    );
    expect(await client.closed()).toContain(`HTTP/1.1 ${status} `);
  });

  it("closes a connection whose upgrade it refuses, whatever its client still sends", async () => {
    stage = await Stage.start({ guard: (server) => void (server.maxConnections = 2) });
    const upgrade = "GET /-/none HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    const last = "GET /-/none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    // More than two can't be open: what comes then is closed without an answer.
    for (const text of [upgrade, last + upgrade, upgrade, last + upgrade]) {
      await eventually(async () => {
        const client = await RawClient.connect(stage.port, { allowHalfOpen: true });
        client.write(text);
        await client.sees("ROUTE_NOT_FOUND", 500);
        client.write("read by nobody");
        client.destroy();
      });
    }
  });

  it("closes a connection on which it refuses CONNECT, though its client does not", async () => {
    stage = await Stage.start();
    const client = await RawClient.connect(stage.port, { allowHalfOpen: true });
    client.write("CONNECT y:80 HTTP/1.1\r\nHost: y\r\n\r\n");
    await client.sees("no forward proxy");
    await client.isLetGo();
  });

  it("takes no more connections than it may have", async () => {
    stage = await Stage.start({ guard: (server) => void (server.maxConnections = 2) });
    const clients = [await RawClient.connect(stage.port), await RawClient.connect(stage.port)];
    const third = await RawClient.connect(stage.port);
    await third.closed();
    for (const client of clients) client.destroy();
  });

  it("records each of hundreds of requests on one connection once", async () => {
    stage = await Stage.start();
    await stage.serve((_req, res) => res.end("ok"));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 500; i++) await ask(stage.port, "/", { agent });
    agent.destroy();
    expect(stage.records).toHaveLength(500);
    expect(new Set(stage.records.map(({ id }) => id)).size).toBe(500);
  });

  it("stops gracefully: no new connection, answers end with Connection: close, what runs finishes and is recorded", async () => {
    stage = await Stage.start();
    let finish: (() => void) | undefined;
    await stage.serve((_req, res) => (finish = () => res.end("finished")));
    const idle = await RawClient.connect(stage.port);
    const client = await RawClient.connect(stage.port);
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await until("it runs", () => finish !== undefined);
    await until("it is in", () => stage.recorder.running.get("id-of-hello") === 1);
    let isStopped = false;
    const stopped = stage.router.stop(10_000).then(() => (isStopped = true));
    await idle.closed();
    await expect(RawClient.connect(stage.port)).rejects.toThrow();
    expect(isStopped).toBe(false);
    await until("the function has it", () => stage.poolmgr.of("USAGE").length > 0);
    finish?.();
    await client.sees("finished");
    expect(client.received).toMatch(/connection: close/i);
    await stopped;
    expect(stage.records).toMatchObject([{ status: "SUCCEEDED" }]);
  });

  it("stops by force when the grace is over, and records what it cut", async () => {
    stage = await Stage.start();
    await stage.serve(() => {});
    const running = ask(stage.port, "/").catch(() => "cut");
    await until("it runs", () => stage.openUpstream === 1);
    const waiting = ask(stage.port, "/").catch(() => "cut");
    await until("both are in", () => stage.recorder.running.get("id-of-hello") === 2);
    await stage.router.stop(50);
    expect(await running).toMatchObject({
      status: 502,
      headers: { "x-fermi-error": "FUNCTION_CRASHED", connection: "close" },
    });
    expect(await waiting).toMatchObject({ status: 502 });
    expect(stage.records).toMatchObject([
      { status: "FAILED", error: "The router was stopped before it answered." },
      { status: "FAILED" },
    ]);
    await stage.router.stop(50);
  });

  it("sends no function anything once it has cut what ran, and waits for none then", async () => {
    stage = await Stage.start();
    const reached: string[] = [];
    await stage.serve((req) => void reached.push(req.url ?? ""));
    const running = ask(stage.port, "/running");
    const client = await RawClient.connect(stage.port);
    client.write("POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo");
    await until("one runs", () => reached.length === 1);
    await until("both are in", () => stage.recorder.running.get("id-of-hello") === 2);
    const stopped = stage.router.stop(0);
    expect((await running).status).toBe(502);
    client.write("dy");
    expect(await client.sees("CLUSTER_UNAVAILABLE")).toMatch(/^HTTP\/1\.1 503 [^]*The router is being stopped\./);
    await stopped;
    expect(reached).toEqual(["/running"]);
    expect(stage.records).toMatchObject([{ httpStatus: 502 }, { httpStatus: 503, attempts: 0 }]);
  });
});
