/** WebSockets through the router: one slot and one record per connection, and none of http-proxy's known holes. */
import http from "node:http";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { WebSocket, WebSocketServer } from "ws";
import { ask, errorCode, RawClient } from "./support/http-client.js";
import { aFunction, aTrigger } from "./support/route-builders.js";
import { closedPort, Stage } from "./support/router-stage.js";
import { until } from "./support/until.js";

const handshake = (path = "/ws"): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

describe("Router: WebSockets", () => {
  let stage: Stage;
  let requests: http.IncomingMessage[];
  let rooms: WebSocketServer[];

  /** An instance that echoes what it is told. */
  async function serveEcho(grant: { id?: string; slots?: number } = {}): Promise<http.Server> {
    const server = http.createServer((_req, res) => res.writeHead(426).end());
    const room = new WebSocketServer({ server });
    rooms.push(room);
    room.on("connection", (socket, req) => {
      requests.push(req);
      socket.on("error", () => {});
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    await stage.listen(server, grant);
    return server;
  }

  /** An instance that handles upgrades itself. */
  async function serveUpgrade(onUpgrade: (socket: Socket) => void, grant: { id?: string } = {}): Promise<void> {
    const server = http.createServer();
    server.on("upgrade", (_req, socket: Socket) => onUpgrade(socket.on("error", () => {})));
    await stage.listen(server, grant);
  }

  const open = async (path = "/ws", headers = {}): Promise<WebSocket> => {
    const socket = new WebSocket(`ws://127.0.0.1:${stage.port}${path}`, { headers });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    return socket;
  };
  const reply = (socket: WebSocket): Promise<string> =>
    new Promise((resolve) => socket.once("message", (data: Buffer) => resolve(data.toString())));

  beforeEach(async () => {
    requests = [];
    rooms = [];
    stage = await Stage.start({
      functions: [aFunction("hello", { settings: { timeoutSeconds: 1 } })],
      triggers: [aTrigger("/room/{id}"), aTrigger("/*")],
      webSocketIdleMs: 400,
    });
  });
  afterEach(async () => {
    await stage.stop();
    for (const room of rooms) room.close();
  });

  it("carries messages both ways and holds one slot until the end", async () => {
    await serveEcho({ slots: 1 });
    const socket = await open();
    socket.send("hello");
    expect(await reply(socket)).toBe("hello");
    const waiting = ask(stage.port, "/");
    await until("a request waits", () => stage.poolmgr.of("DEMAND").some(({ waiting }) => waiting === 1));
    expect(stage.poolmgr.of("DEMAND").at(-1)).toMatchObject({ inFlight: 1, waiting: 1 });
    socket.close();
    expect((await waiting).status).toBe(426);
    await until("the records", () => stage.records.length === 2);
    const record = stage.records.find(({ httpStatus }) => httpStatus === 101);
    expect(record).toMatchObject({ status: "SUCCEEDED", method: "GET", path: "/ws", attempts: 1 });
    expect(record?.requestBytes).toBeGreaterThan(0);
  });

  it("carries a message of 5 MiB", async () => {
    await serveEcho();
    const socket = await open();
    const text = "x".repeat(5 * 1024 * 1024);
    socket.send(text);
    expect((await reply(socket)).length).toBe(text.length);
    socket.terminate();
  });

  it("sends the path as it was, the function's headers, and none that the client may not set", async () => {
    await serveEcho();
    const socket = await open("/room/a%2Fb?q=//1", {
      "X-Fermi-Key": "stolen",
      "X-Forwarded-For": "6.6.6.6",
      Cookie: "a=1",
    });
    const { url, headers } = requests[0] as http.IncomingMessage;
    expect(url).toBe("/room/a%2Fb?q=//1");
    expect(headers).toMatchObject({
      "x-fermi-key": "key-of-instance-1",
      "x-fermi-param-id": "a/b",
      "x-fermi-function": "hello",
      "x-forwarded-for": "127.0.0.1",
      cookie: "a=1",
      host: `127.0.0.1:${stage.port}`,
    });
    socket.terminate();
    const client = await RawClient.connect(stage.port);
    client.write(handshake("/double//slash/../x"));
    await client.sees("HTTP/1.1 101");
    expect(requests[1]?.url).toBe("/double//slash/../x");
    client.destroy();
  });

  it("tells the client the invocation's id and nothing else of Fermi's", async () => {
    await serveUpgrade((socket) =>
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Fermi-Error: FAKE\r\nKeep-Alive: timeout=1\r\n\r\n",
      ),
    );
    const client = await RawClient.connect(stage.port);
    client.write(handshake());
    const head = await client.sees("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1\.1 101 /);
    expect(head).toMatch(/x-fermi-invocation-id: [\da-f-]{36}\r\n/);
    expect(head).not.toMatch(/x-fermi-error|keep-alive/i);
    client.destroy();
  });

  it("passes a refusal on whole, whatever its framing", async () => {
    await serveUpgrade((socket) =>
      socket.end(
        "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nX-Why: because\r\n\r\n6\r\nno way\r\n0\r\n\r\n",
      ),
    );
    const client = await RawClient.connect(stage.port);
    client.write(handshake());
    const answer = await client.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(answer).toMatch(/x-why: because\r\n/i);
    expect(answer).not.toMatch(/transfer-encoding/i);
    expect(answer.endsWith("\r\n\r\nno way")).toBe(true);
    expect(await stage.record()).toMatchObject({ status: "SUCCEEDED", httpStatus: 403 });
  });

  it("cuts a client whose refusal broke off", async () => {
    await serveUpgrade((socket) =>
      socket.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno", () => socket.resetAndDestroy()),
    );
    const client = await RawClient.connect(stage.port);
    client.write(handshake());
    await client.closed();
    expect((await stage.record()).status).toBe("FAILED");
  });

  it("tries another instance when no connection could be made, and when one says it is busy", async () => {
    await serveEcho({ id: "roomy" });
    await serveUpgrade(
      (socket) => socket.end("HTTP/1.1 503 Service Unavailable\r\nX-Fermi-Busy: 1\r\nContent-Length: 0\r\n\r\n"),
      { id: "busy" },
    );
    stage.grant(await closedPort(), { id: "dead" });
    const socket = await open();
    socket.send("still here");
    expect(await reply(socket)).toBe("still here");
    socket.close();
    expect(await stage.record()).toMatchObject({ attempts: 3, instance: "roomy", status: "SUCCEEDED" });
    expect(stage.poolmgr.of("SUSPECT")).toEqual([{ type: "SUSPECT", instanceId: "dead", reason: "NO_CONNECTION" }]);
  });

  it("loses no byte that the client sent right after its request", async () => {
    await serveUpgrade((socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      socket.pipe(socket);
    });
    await serveUpgrade(
      (socket) => socket.end("HTTP/1.1 503 Service Unavailable\r\nX-Fermi-Busy: 1\r\nContent-Length: 0\r\n\r\n"),
      { id: "busy" },
    );
    const client = await RawClient.connect(stage.port);
    client.write(`${handshake()}early bytes`);
    await client.sees("early bytes");
    expect(client.received.match(/early bytes/g)).toHaveLength(1);
    client.destroy();
  });

  it("ends in 502 when the instance is lost before it answered", async () => {
    await serveUpgrade((socket) => socket.resetAndDestroy());
    const client = await RawClient.connect(stage.port);
    client.write(handshake());
    const answer = await client.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer).toContain('"code":"FUNCTION_CRASHED"');
    const body = answer.slice(answer.indexOf("{"));
    expect(await stage.record()).toMatchObject({ status: "FAILED", httpStatus: 502, responseBytes: body.length });
  });

  it("ends in 504 when the instance does not answer in time", async () => {
    await serveUpgrade(() => {});
    const client = await RawClient.connect(stage.port);
    client.write(handshake());
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 504 /);
    expect(await stage.record()).toMatchObject({ status: "TIMED_OUT", httpStatus: 504 });
    expect(stage.poolmgr.of("SUSPECT")).toMatchObject([{ reason: "TIMED_OUT" }]);
  });

  it("outlives a client that resets before the upgrade is answered", async () => {
    let upstream: Socket | undefined;
    await serveUpgrade((socket) => (upstream = socket.resume()));
    const client = await RawClient.connect(stage.port);
    client.write(handshake());
    await until("the upgrade is in", () => upstream !== undefined);
    client.reset();
    expect((await stage.record()).status).toBe("CANCELLED");
    await until("the instance is told", () => upstream?.readableEnded === true);
    expect((await ask(stage.port, "/-/healthz")).status).toBe(200);
  });

  it("ends the other side when one is lost", async () => {
    const server = await serveEcho();
    const first = await open();
    (first as unknown as { _socket: Socket })._socket.resetAndDestroy();
    first.on("error", () => {});
    await until("the first record", () => stage.records.length === 1);
    expect(stage.records[0]?.status).toBe("CANCELLED");
    const second = await open();
    let isClosed = false;
    second.on("close", () => (isClosed = true)).on("error", () => {});
    server.closeAllConnections();
    for (const room of rooms)
      for (const client of room.clients) (client as unknown as { _socket: Socket })._socket.resetAndDestroy();
    await until("the client is cut", () => isClosed);
    await until("the second record", () => stage.records.length === 2);
    expect(stage.records[1]).toMatchObject({ status: "FAILED" });
    expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
  });

  describe("whose client is gone", () => {
    const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let upstream: Socket | undefined;

    /** An instance that takes no notice of the client's end. */
    async function openDeaf(onOpen: (socket: Socket) => void): Promise<RawClient> {
      upstream = undefined;
      await stage.stop();
      stage = await Stage.start({ webSocketIdleMs: 60_000 });
      await serveUpgrade((socket) => {
        upstream = socket;
        socket.write(switching);
        onOpen(socket);
      });
      const client = await RawClient.connect(stage.port);
      client.write(handshake("/"));
      await client.sees("HTTP/1.1 101");
      return client;
    }

    it("gives its slot back within moments, though the function does not close", async () => {
      for (const leave of ["destroy", "reset"] as const) {
        const client = await openDeaf((socket) => void socket.resume());
        client[leave]();
        await until("the function is told", () => upstream?.readableEnded === true, 500);
        await until("the record", () => stage.records.length === 1, 2_500);
        const status = leave === "reset" ? "CANCELLED" : "SUCCEEDED";
        expect(stage.records[0]).toMatchObject({ status, httpStatus: 101 });
        await until("the slot is back", () => stage.poolmgr.of("USAGE").at(-1)?.instances[0]?.inFlight === 0);
      }
    });

    it("gives its slot back though the function goes on talking", async () => {
      const client = await openDeaf((socket) => {
        const timer = setInterval(() => socket.write("still there?"), 10);
        socket.once("close", () => clearInterval(timer));
        socket.resume();
      });
      client.destroy();
      await until("the record", () => stage.records.length === 1, 2_500);
      await until("nothing is left open", () => stage.openUpstream === 0);
    });

    it("has the last words delivered that it sent before it went", async () => {
      let heard = 0;
      const client = await openDeaf((socket) => void socket.on("data", (chunk: Buffer) => (heard += chunk.length)));
      client.socket.end("x".repeat(1_000_000));
      await until("the last words are in", () => heard === 1_000_000);
      await stage.record();
    });
  });

  it("still hears the function after it has ended its own side", async () => {
    await serveUpgrade((socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      socket.resume().once("end", () => setTimeout(() => socket.end("goodbye"), 50));
    });
    const client = await RawClient.connect(stage.port, { allowHalfOpen: true });
    client.write(handshake());
    await client.sees("HTTP/1.1 101");
    client.socket.end();
    expect((await client.closed()).endsWith("goodbye")).toBe(true);
    expect((await stage.record()).status).toBe("SUCCEEDED");
  });

  it("is closed after the idle time, but not while something is said either way", async () => {
    await serveEcho();
    const socket = await open();
    let isClosed = false;
    socket.on("close", () => (isClosed = true));
    for (let i = 0; i < 12; i++) {
      socket.send("tick");
      await reply(socket);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(isClosed).toBe(false);
    await until("it is closed", () => isClosed);
    expect(await stage.record()).toMatchObject({ status: "TIMED_OUT", httpStatus: 101 });
  });

  it("finds its way like any request: 404 for an unknown path, 405 for a route without GET, nothing under /-/", async () => {
    stage.source.change({ triggers: [aTrigger("/post", { methods: ["POST"] })] });
    const answer = async (path: string): Promise<string> => {
      const client = await RawClient.connect(stage.port);
      client.write(handshake(path));
      return client.closed();
    };
    let missing = "";
    await until(
      "the table is swapped",
      () => (void answer("/none").then((text) => (missing = text)), missing.includes("404")),
    );
    expect(missing).toContain('"code":"ROUTE_NOT_FOUND"');
    const wrongMethod = await answer("/post");
    expect(wrongMethod).toContain('"code":"METHOD_NOT_ALLOWED"');
    expect(await answer("/-/invoke")).toMatch(/^HTTP\/1\.1 404 /);
  });

  it("is refused at once where the line is full, with the code in the answer", async () => {
    await stage.stop();
    stage = await Stage.start({ maxWaitingPerFunction: 0 });
    const client = await RawClient.connect(stage.port);
    client.write(handshake("/"));
    const answer = await client.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 429 /);
    expect(answer).toMatch(/retry-after: 1\r\n/i);
    const body = answer.slice(answer.indexOf("{"));
    expect(errorCode({ body })).toBe("QUEUE_FULL");
    expect((await stage.record()).responseBytes).toBe(body.length);
  });
});
