/** WebSockets through the router: how they are opened and what they carry, and none of http-proxy's known holes. */
import http from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ask, errorCode, RawClient, sendRaw } from "./support/http-client.js";
import { aFunction, aTrigger } from "./support/route-builders.js";
import { closedPort, Stage } from "./support/router-stage.js";
import { slotsAreBack } from "./support/slots-are-back.js";
import { until } from "./support/until.js";
import { EchoRooms, handshake, open, reply, serveUpgrade, switching } from "./support/websockets.js";

describe("Router: WebSockets", () => {
  let stage: Stage;
  let rooms: EchoRooms;

  beforeEach(async () => {
    rooms = new EchoRooms();
    stage = await Stage.start({
      functions: [aFunction("hello", { settings: { timeoutSeconds: 1 } })],
      triggers: [aTrigger("/room/{id}"), aTrigger("/*")],
    });
  });
  afterEach(async () => {
    await stage.stop();
    rooms.close();
  });

  it("carries messages both ways and holds one slot until the end", async () => {
    await rooms.serve(stage, { slots: 1 });
    const socket = await open(stage);
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
    await rooms.serve(stage);
    const socket = await open(stage);
    const text = "x".repeat(5 * 1024 * 1024);
    socket.send(text);
    expect((await reply(socket)).length).toBe(text.length);
    socket.terminate();
  });

  it("sends the path as it was, the function's headers, and none that the client may not set", async () => {
    await rooms.serve(stage);
    const socket = await open(stage, "/room/a%2Fb?q=//1", {
      "X-Fermi-Key": "stolen",
      "X-Forwarded-For": "6.6.6.6",
      Cookie: "a=1",
      Constructor: "x",
    });
    const { url, headers } = rooms.requests[0] as http.IncomingMessage;
    expect(url).toBe("/room/a%2Fb?q=//1");
    expect(headers).toMatchObject({
      "x-fermi-key": "key-of-instance-1",
      "x-fermi-param-id": "a/b",
      "x-fermi-function": "hello",
      "x-forwarded-for": "127.0.0.1",
      cookie: "a=1",
      constructor: "x",
      host: `127.0.0.1:${stage.port}`,
    });
    socket.terminate();
    const client = await RawClient.connect(stage.port);
    client.write(handshake("/double//slash/../x"));
    await client.sees("HTTP/1.1 101");
    expect(rooms.requests[1]?.url).toBe("/double//slash/../x");
    client.destroy();
  });

  it.each(["http://a[b/hello", "//u@a[b/x", "http://a:b:c/hello"])(
    "takes a target that url.parse does not (%s), and gives the slot back",
    async (target) => {
      await rooms.serve(stage, { slots: 1 });
      const client = await RawClient.connect(stage.port);
      client.write(handshake(target));
      await client.sees("HTTP/1.1 101");
      expect(rooms.requests[0]?.url).toBe(target.startsWith("http") ? "/hello" : target);
      client.destroy();
      expect((await stage.record()).httpStatus).toBe(101);
      await slotsAreBack(stage);
    },
  );

  it("that can't be begun gives its slot back, and closes the connection that was dialled", async () => {
    await rooms.serve(stage, { slots: 1 });
    const request = http.request;
    http.request = () => {
      throw new TypeError("no request can be made of this");
    };
    try {
      expect(await sendRaw(stage.port, handshake())).toMatch(/^HTTP\/1\.1 500 /);
    } finally {
      http.request = request;
    }
    expect(await stage.record()).toMatchObject({ status: "FAILED", httpStatus: 500 });
    await slotsAreBack(stage);
    await until("the connection is closed", () => stage.openUpstream === 0);
  });

  it("tells the client the invocation's id and nothing else of Fermi's", async () => {
    await serveUpgrade(stage, (socket) =>
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
    await serveUpgrade(stage, (socket) =>
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
    await serveUpgrade(stage, (socket) =>
      socket.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno", () => socket.resetAndDestroy()),
    );
    const client = await RawClient.connect(stage.port);
    client.write(handshake());
    await client.closed();
    expect((await stage.record()).status).toBe("FAILED");
  });

  it("tries another instance when no connection could be made, and when one says it is busy", async () => {
    await rooms.serve(stage, { id: "roomy" });
    await serveUpgrade(
      stage,
      (socket) => socket.end("HTTP/1.1 503 Service Unavailable\r\nX-Fermi-Busy: 1\r\nContent-Length: 0\r\n\r\n"),
      { id: "busy" },
    );
    stage.grant(await closedPort(), { id: "dead" });
    const socket = await open(stage);
    socket.send("still here");
    expect(await reply(socket)).toBe("still here");
    socket.close();
    expect(await stage.record()).toMatchObject({ attempts: 3, instance: "roomy", status: "SUCCEEDED" });
    expect(stage.poolmgr.of("SUSPECT")).toEqual([{ type: "SUSPECT", instanceId: "dead", reason: "NO_CONNECTION" }]);
  });

  it("loses no byte that the client sent right after its request", async () => {
    await serveUpgrade(stage, (socket) => {
      socket.write(switching);
      socket.pipe(socket);
    });
    await serveUpgrade(
      stage,
      (socket) => socket.end("HTTP/1.1 503 Service Unavailable\r\nX-Fermi-Busy: 1\r\nContent-Length: 0\r\n\r\n"),
      { id: "busy" },
    );
    const client = await RawClient.connect(stage.port);
    client.write(`${handshake()}early bytes`);
    await client.sees("early bytes");
    expect(client.received.match(/early bytes/g)).toHaveLength(1);
    client.destroy();
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
