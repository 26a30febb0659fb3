/** How a WebSocket through the router ends: one slot and one true record per connection, whoever goes first. */
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ask, RawClient } from "./support/http-client.js";
import { aFunction, aTrigger } from "./support/route-builders.js";
import { Stage } from "./support/router-stage.js";
import { until } from "./support/until.js";
import { EchoRooms, handshake, open, reply, serveUpgrade, socketOf, switching } from "./support/websockets.js";

describe("Router: a WebSocket", () => {
  let stage: Stage;
  let rooms: EchoRooms;

  beforeEach(async () => {
    rooms = new EchoRooms();
    stage = await Stage.start({
      functions: [aFunction("hello", { settings: { timeoutSeconds: 1 } })],
      triggers: [aTrigger("/room/{id}"), aTrigger("/*")],
      webSocketIdleMs: 400,
    });
  });
  afterEach(async () => {
    await stage.stop();
    rooms.close();
  });

  it("ends in 502 when the instance is lost before it answered", async () => {
    await serveUpgrade(stage, (socket) => socket.resetAndDestroy());
    const client = await RawClient.connect(stage.port);
    client.write(handshake());
    const answer = await client.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer).toContain('"code":"FUNCTION_CRASHED"');
    const body = answer.slice(answer.indexOf("{"));
    expect(await stage.record()).toMatchObject({ status: "FAILED", httpStatus: 502, responseBytes: body.length });
  });

  it("is cut a moment after its instance is gone, of which its connection may never tell", async () => {
    await rooms.serve(stage, { id: "vanished" });
    const socket = await open(stage);
    const isClosed = new Promise((resolve) => socket.once("close", resolve));
    const stayAlive = setInterval(() => socket.ping(), 50);
    stage.poolmgr.gone("vanished");
    await isClosed;
    clearInterval(stayAlive);
    const error = "The function's answer broke off.";
    expect(await stage.record()).toMatchObject({ status: "FAILED", httpStatus: 101, error });
    await until("the instance's end is closed", () => stage.openUpstream === 0);
  });

  it("ends in 504 when the instance does not answer in time", async () => {
    await serveUpgrade(stage, () => {});
    const client = await RawClient.connect(stage.port);
    client.write(handshake());
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 504 /);
    expect(await stage.record()).toMatchObject({ status: "TIMED_OUT", httpStatus: 504 });
    expect(stage.poolmgr.of("SUSPECT")).toMatchObject([{ reason: "TIMED_OUT" }]);
  });

  it("that was not opened leaves no connection to a client that does not close", async () => {
    await serveUpgrade(stage, (socket) => socket.resetAndDestroy());
    const client = await RawClient.connect(stage.port, { allowHalfOpen: true });
    client.write(handshake());
    await client.sees("FUNCTION_CRASHED");
    await client.isLetGo();
  });

  it("outlives a client that resets before the upgrade is answered", async () => {
    let upstream: Socket | undefined;
    await serveUpgrade(stage, (socket) => (upstream = socket.resume()));
    const client = await RawClient.connect(stage.port);
    client.write(handshake());
    await until("the upgrade is in", () => upstream !== undefined);
    client.reset();
    expect((await stage.record()).status).toBe("CANCELLED");
    await until("the instance is told", () => upstream?.readableEnded === true);
    expect((await ask(stage.port, "/-/healthz")).status).toBe(200);
  });

  it("ends the other side when one is lost", async () => {
    const server = await rooms.serve(stage);
    const first = await open(stage);
    socketOf(first).resetAndDestroy();
    first.on("error", () => {});
    await until("the first record", () => stage.records.length === 1);
    expect(stage.records[0]?.status).toBe("CANCELLED");
    const second = await open(stage);
    let isClosed = false;
    second.on("close", () => (isClosed = true)).on("error", () => {});
    server.closeAllConnections();
    rooms.reset();
    await until("the client is cut", () => isClosed);
    await until("the second record", () => stage.records.length === 2);
    expect(stage.records[1]).toMatchObject({ status: "FAILED" });
    expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
  });

  describe("whose client is gone", () => {
    let upstream: Socket | undefined;

    /** An instance that takes no notice of the client's end. */
    async function openDeaf(onOpen: (socket: Socket) => void): Promise<RawClient> {
      upstream = undefined;
      await stage.stop();
      stage = await Stage.start({ webSocketIdleMs: 60_000 });
      await serveUpgrade(stage, (socket) => {
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
    await serveUpgrade(stage, (socket) => {
      socket.write(switching);
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
    await rooms.serve(stage);
    const socket = await open(stage);
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
});
