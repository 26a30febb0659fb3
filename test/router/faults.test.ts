/** What goes wrong at the function's end: the right status or a cut, the slot back, a true record. */
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ask, errorCode, RawClient } from "./support/http-client.js";
import { aFunction } from "./support/route-builders.js";
import { bodyOf, closedPort, Stage } from "./support/router-stage.js";
import { slotsAreBack } from "./support/slots-are-back.js";
import { until } from "./support/until.js";

describe("Router: an instance that fails", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.start({ functions: [aFunction("hello", { settings: { timeoutSeconds: 1 } })] });
  });
  afterEach(() => stage.stop());

  it("is left for another one when no connection could be made, and the caller sees nothing", async () => {
    await stage.serve((_req, res) => res.end("the other one"));
    const dead = stage.grant(await closedPort(), { id: "dead" });
    const answer = await ask(stage.port, "/", { method: "POST", body: "x".repeat(200_000) });
    expect(answer.body).toBe("the other one");
    expect(stage.poolmgr.of("SUSPECT")).toEqual([{ type: "SUSPECT", instanceId: dead, reason: "NO_CONNECTION" }]);
    expect(await stage.record()).toMatchObject({
      status: "SUCCEEDED",
      attempts: 2,
      instance: "instance-1",
      requestBytes: 200_000,
    });
    await ask(stage.port, "/");
    expect(stage.records[1]?.attempts).toBe(1);
    await slotsAreBack(stage);
  });

  it("ends in 503 when three in a row can't be reached", async () => {
    const port = await closedPort();
    for (const id of ["a", "b", "c", "d"]) stage.grant(port, { id });
    const answer = await ask(stage.port, "/");
    expect([answer.status, errorCode(answer), answer.headers["retry-after"]]).toEqual([
      503,
      "CLUSTER_UNAVAILABLE",
      "1",
    ]);
    expect(await stage.record()).toMatchObject({ status: "FAILED", attempts: 3, httpStatus: 503 });
    await slotsAreBack(stage);
  });

  it("ends in 502 when it is lost before it answered, and the request is not sent again", async () => {
    let requests = 0;
    const onConnection = (socket: Socket): void => {
      socket.once("data", () => {
        requests++;
        socket.resetAndDestroy();
      });
    };
    await stage.serveRaw(onConnection);
    await stage.serveRaw(onConnection);
    const answer = await ask(stage.port, "/");
    expect([answer.status, errorCode(answer), answer.headers["x-fermi-error"]]).toEqual([
      502,
      "FUNCTION_CRASHED",
      "FUNCTION_CRASHED",
    ]);
    expect(requests).toBe(1);
    const record = await stage.record();
    expect(record).toMatchObject({ status: "FAILED", attempts: 1, httpStatus: 502 });
    expect(record.error).toMatch(/lost before it answered/);
    expect(record.responseBytes).toBe(Buffer.byteLength(answer.body));
    expect(answer.headers["x-fermi-invocation-id"]).toBe(record.id);
    expect(stage.poolmgr.of("SUSPECT")).toEqual([{ type: "SUSPECT", instanceId: record.instance, reason: "CRASHED" }]);
    await slotsAreBack(stage);
  });

  it("is said to have done what poolmgr tells of it a moment later", async () => {
    const { id: instance } = await stage.serveRaw((socket) => socket.once("data", () => socket.resetAndDestroy()));
    const answer = ask(stage.port, "/");
    await until("the suspicion", () => stage.poolmgr.of("SUSPECT").length === 1);
    stage.poolmgr.gone(instance, "used more than its memory limit of 128Mi");
    const error = "The function's instance was lost before it answered: it used more than its memory limit of 128Mi.";
    expect((await answer).body).toContain(error);
    expect(await stage.record()).toMatchObject({ status: "FAILED", httpStatus: 502, error });
    await slotsAreBack(stage);
  });

  it("costs a HEAD request no byte of body, and none is recorded", async () => {
    await stage.serveRaw((socket) => socket.once("data", () => socket.resetAndDestroy()));
    expect(await ask(stage.port, "/", { method: "HEAD" })).toMatchObject({ status: 502, body: "" });
    expect(await stage.record()).toMatchObject({ httpStatus: 502, responseBytes: 0 });
  });

  it("is not asked again when a kept connection breaks under a request", async () => {
    let requests = 0;
    await stage.serve((req, res) => {
      requests++;
      if (requests === 2) req.socket.resetAndDestroy();
      else res.end("ok");
    });
    expect((await ask(stage.port, "/")).status).toBe(200);
    expect((await ask(stage.port, "/")).status).toBe(502);
    expect(requests).toBe(2);
  });

  it("is asked on a new connection when it had closed the kept one before", async () => {
    const sockets: Socket[] = [];
    const { server } = await stage.serve((_req, res) => res.end("ok"));
    server.on("connection", (socket: Socket) => sockets.push(socket));
    expect((await ask(stage.port, "/")).status).toBe(200);
    sockets[0]?.destroy();
    await until("the router noticed", () => stage.openUpstream === 0);
    expect((await ask(stage.port, "/")).status).toBe(200);
  });

  it("that is lost while it answers has the client cut, not ended cleanly", async () => {
    for (const head of ["Content-Length: 100", "Transfer-Encoding: chunked"]) {
      const { id } = await stage.serveRaw((socket) => {
        socket.once("data", () => {
          socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n4\r\nhalf\r\n`, () => socket.resetAndDestroy());
        });
      });
      expect(await ask(stage.port, "/")).toMatchObject({ status: 200, isComplete: false });
      stage.poolmgr.gone(id);
    }
    await until("the records", () => stage.records.length === 2);
    expect(stage.records[0]).toMatchObject({
      status: "FAILED",
      httpStatus: 200,
      error: "The function's answer broke off.",
    });
    expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
  });

  it("that answers shorter than it said has the client cut", async () => {
    await stage.serveRaw((socket) =>
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")),
    );
    expect(await ask(stage.port, "/")).toMatchObject({ isComplete: false });
    expect(await stage.record()).toMatchObject({ status: "FAILED", error: "The function's answer broke off." });
  });

  it("that answers longer than it said is believed the length, and the next request is not hurt", async () => {
    await stage.serveRaw((socket) =>
      socket.on("data", () =>
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
      ),
    );
    for (let i = 0; i < 5; i++) expect((await ask(stage.port, "/")).body).toBe("ok");
  });

  it("that speaks no HTTP, or heads beyond every limit, ends in 502", async () => {
    const answers = [
      "rubbish\r\n\r\n",
      `HTTP/1.1 200 OK\r\nA: ${"a".repeat(1024 * 1024)}\r\n\r\n`,
      "HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n",
    ];
    for (const text of answers) {
      const { id } = await stage.serveRaw((socket) => socket.once("data", () => socket.write(text)));
      const answer = await ask(stage.port, "/");
      expect([answer.status, errorCode(answer)]).toEqual([502, "FUNCTION_CRASHED"]);
      stage.poolmgr.gone(id);
    }
    expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
  });

  it("that closes without an answer ends in 502", async () => {
    await stage.serveRaw((socket) => socket.once("data", () => socket.end()));
    expect(errorCode(await ask(stage.port, "/"))).toBe("FUNCTION_CRASHED");
  });

  it("that never answers ends in 504, takes no new request, and poolmgr is told", async () => {
    await stage.serve(() => {});
    const answer = await ask(stage.port, "/");
    expect([answer.status, errorCode(answer)]).toEqual([504, "FUNCTION_TIMEOUT"]);
    expect(await stage.record()).toMatchObject({ status: "TIMED_OUT", httpStatus: 504 });
    expect(stage.poolmgr.of("SUSPECT")).toEqual([{ type: "SUSPECT", instanceId: "instance-1", reason: "TIMED_OUT" }]);
    const next = ask(stage.port, "/");
    await until("the next one waits", () => stage.poolmgr.of("DEMAND").some(({ waiting }) => waiting === 1));
    await stage.serve((_req, res) => res.end("fresh"), { id: "fresh" });
    expect((await next).body).toBe("fresh");
  });

  it("that accepts but never reads ends in 504", async () => {
    await stage.serveRaw((socket) => socket.pause());
    const client = await RawClient.connect(stage.port);
    client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n${"x".repeat(20_000_000)}`);
    const answer = await client.sees("FUNCTION_TIMEOUT", 10_000);
    expect(answer).toMatch(/^HTTP\/1\.1 504 /);
    await client.closed();
  });

  it("that pauses too long within an answer is cut, but not suspected", async () => {
    await stage.serve((_req, res) => res.write("first"));
    expect(await ask(stage.port, "/")).toMatchObject({ body: "first", isComplete: false });
    expect(await stage.record()).toMatchObject({ status: "TIMED_OUT", httpStatus: 200 });
    expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
    await until("the function is told", () => stage.openUpstream === 0);
  });

  it("that answers slowly but steadily may take longer than the limit", async () => {
    await stage.serve((_req, res) => {
      let left = 7;
      const timer = setInterval(() => (left-- > 0 ? res.write("x") : (clearInterval(timer), res.end())), 250);
    });
    expect(await ask(stage.port, "/")).toMatchObject({ body: "xxxxxxx", isComplete: true });
    expect(await stage.record()).toMatchObject({ status: "SUCCEEDED" });
  });

  it("that answers before it has read the body is heard, and the upload stopped", async () => {
    await stage.serve((_req, res) => res.writeHead(413, { "content-type": "text/plain" }).end("too much for me"));
    const client = await RawClient.connect(stage.port);
    client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n");
    const more = (): void => {
      while (!client.isClosed && client.socket.write(Buffer.alloc(65_536)));
      client.socket.once("drain", more);
    };
    more();
    await client.sees("too much for me");
    expect(client.received).toMatch(/^HTTP\/1\.1 413 /);
    await client.closed();
    expect(await stage.record()).toMatchObject({ status: "SUCCEEDED", httpStatus: 413 });
    await slotsAreBack(stage);
    await until("no connection is left", () => stage.openUpstream === 0);
  });

  it("that answers before it has read the body is heard also by a client that sends all of it before it reads", async () => {
    await stage.serve((_req, res) => res.writeHead(413, { "content-type": "text/plain" }).end("too much for me"));
    const client = await RawClient.connect(stage.port);
    await client.writeFirst(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n${"x".repeat(20_000_000)}`);
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 413 [^]*too much for me/);
  });

  it("that says it is busy before user code runs costs the caller nothing when another has room", async () => {
    await stage.serve(async (req, res) => res.end(`served ${await bodyOf(req)}`), { id: "roomy" });
    await stage.serve((_req, res) => res.writeHead(503, { "x-fermi-busy": "1" }).end(), { id: "busy" });
    expect((await ask(stage.port, "/", { method: "POST", body: "small" })).body).toBe("served small");
    const streamed = await ask(stage.port, "/", {
      method: "POST",
      body: "chunked",
      headers: { "transfer-encoding": "chunked" },
    });
    expect(streamed.body).toBe("served chunked");
    await until("the records", () => stage.records.length === 2);
    expect(stage.records[0]).toMatchObject({ attempts: 2, status: "SUCCEEDED", instance: "roomy" });
  });

  it("that is busy after more of the body than is kept was sent ends in 429", async () => {
    await stage.serve((_req, res) => res.end("not reached"), { id: "roomy" });
    await stage.serve(
      (req, res) => {
        let bytes = 0;
        req.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > 100_000 && !res.headersSent) res.writeHead(503, { "x-fermi-busy": "1" }).end();
        });
      },
      { id: "busy" },
    );
    const answer = await ask(stage.port, "/", { method: "POST", body: "x".repeat(1_000_000) });
    expect([answer.status, errorCode(answer), answer.headers["retry-after"]]).toEqual([429, "QUEUE_FULL", "1"]);
  });

  it("may say busy in another contract's own words: they are passed on", async () => {
    await stage.serve((_req, res) => res.writeHead(503, { "x-fermi-busy": "1" }).end("mine"), {
      contract: "FISSION_V1",
    });
    const answer = await ask(stage.port, "/");
    expect([answer.status, answer.body, answer.headers["x-fermi-busy"]]).toEqual([503, "mine", undefined]);
  });
});
