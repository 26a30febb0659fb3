/** The stream between router and pool manager over real sockets. */
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { WebSocket } from "ws";
import { InternalAuth } from "../../src/auth/internal-auth.js";
import { systemClock } from "../../src/lib/clock.js";
import type { Leader } from "../../src/poolmgr/poolmgr-endpoint.js";
import type { Connection, StreamEnd } from "../../src/poolmgr/poolmgr-hub.js";
import type { GrantedInstance, Hello, PoolmgrStream, ToPoolmgr, ToRouter } from "../../src/poolmgr/router-link.js";
import { RawClient } from "./support/http-client.js";
import { linkTo, PoolmgrProcess } from "./support/poolmgr-process.js";
import { until } from "./support/until.js";
import { handshake } from "./support/websockets.js";

const hello: Hello = {
  type: "HELLO",
  routerId: "router",
  holdings: [{ instanceId: "a", slots: 2, inFlight: 1 }],
};
const instance: GrantedInstance = {
  ...{ functionId: "fn", version: 1, id: "a", address: "127.0.0.1:1", key: "k", contract: "FERMI", slots: 2 },
};
const snapshot: ToRouter = { type: "SNAPSHOT", epoch: "e", instances: [instance] };
const released: ToPoolmgr = { type: "RELEASED", instanceId: "a" };

/** A hub that writes down what it hears. */
class Hub {
  readonly ends: StreamEnd[] = [];
  readonly heard: (readonly [ToPoolmgr, number])[] = [];
  readonly closed: boolean[] = [];

  connect(end: StreamEnd): Connection {
    this.ends.push(end);
    return {
      receive: (message, seen) => void this.heard.push([message, seen]),
      end: (isForGood) => void this.closed.push(isForGood),
    };
  }
}

const leaderOf = (hub: Hub): Leader => ({
  hub,
  view: { pools: () => [], instancesOf: () => [], onChange: () => ({ stop: () => {} }) },
});

/** A router's end. */
class Listener {
  readonly got: ToRouter[] = [];
  readonly lost: unknown[] = [];

  hello(): Hello {
    return hello;
  }

  onMessage(message: ToRouter): void {
    this.got.push(message);
  }

  onLost(cause?: unknown): void {
    this.lost.push(cause);
  }
}

describe("The stream to a pool manager in another process", () => {
  let process: PoolmgrProcess;
  let hub: Hub;
  const others: PoolmgrProcess[] = [];
  const streams: PoolmgrStream[] = [];
  const listening = new Set<net.Server>();

  beforeEach(async () => {
    hub = new Hub();
    process = await PoolmgrProcess.start();
    process.leader = leaderOf(hub);
  });
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    for (const one of [process, ...others.splice(0)]) await one.stop();
    for (const server of listening) server.close();
    listening.clear();
  });

  const open = (link = linkTo(process.port)) => {
    const listener = new Listener();
    const stream = link.open(listener);
    streams.push(stream);
    return { listener, stream };
  };
  const joined = (count = 1) => until("the router has joined", () => hub.heard.length === count);
  const another = async (address: string): Promise<PoolmgrProcess> => {
    const made = await PoolmgrProcess.start(address, process.port);
    others.push(made);
    return made;
  };

  it("begins with HELLO, and carries messages both ways with what was seen when they were said", async () => {
    const { listener, stream } = open();
    stream.send(released);
    await joined();
    hub.ends[0]?.deliver(snapshot, 1);
    hub.ends[0]?.deliver({ type: "GONE", instanceId: "a" }, 2);
    await until("both are there", () => listener.got.length === 2);
    stream.send(released);
    await joined(2);
    expect(hub.heard).toEqual([
      [hello, 0],
      [released, 2],
    ]);
    expect(listener.got).toEqual([snapshot, { type: "GONE", instanceId: "a" }]);
  });

  it("tells a router that leaves from one whose connection breaks", async () => {
    const { stream } = open();
    await joined();
    stream.close();
    await until("it has left", () => hub.closed.length === 1);
    open();
    await joined(2);
    await process.kill();
    await until("it is lost", () => hub.closed.length === 2);
    expect(hub.closed).toEqual([true, false]);
  });

  it("is lost to the router when the pool manager ends it, and says so once", async () => {
    const { listener } = open();
    await joined();
    hub.ends[0]?.deliver(snapshot, 1);
    hub.ends[0]?.onLost();
    await until("it is lost", () => listener.lost.length > 0);
    expect(listener.got).toEqual([snapshot]);
    await process.kill();
    expect(listener.lost).toHaveLength(1);
  });

  it("finds the one that leads among several, of which one is dead and one stands by", async () => {
    process.leader = undefined;
    const leading = await another("127.0.0.2");
    leading.leader = leaderOf(hub);
    open(linkTo(process.port, ["127.0.0.3", "127.0.0.1", "127.0.0.2"]));
    await joined();
    expect(hub.heard).toHaveLength(1);
  });

  it("says what each of them answered where none leads", async () => {
    process.leader = undefined;
    const { listener } = open(linkTo(process.port, ["127.0.0.1", "127.0.0.2"]));
    await until("it is lost", () => listener.lost.length > 0);
    const [error] = listener.lost as Error[];
    expect(error).toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
    expect(error?.message).toMatch(/127\.0\.0\.1:\d+: This pool manager does not lead: another one does\.$/);
    expect(error?.message).toMatch(/127\.0\.0\.2:\d+: connect ECONNREFUSED/);
  });

  it("says so where the name has no address, or can't be looked up", async () => {
    const nowhere = open(linkTo(process.port, []));
    await until("it is lost", () => nowhere.listener.lost.length > 0);
    expect(String(nowhere.listener.lost[0])).toContain("poolmgr.test has no address");
  });

  it("lets nobody in who has not the secret, and tells both sides why", async () => {
    const { listener } = open(linkTo(process.port, ["127.0.0.1"], "another secret"));
    await until("it is lost", () => listener.lost.length > 0);
    expect(String(listener.lost[0])).toContain("not signed with the secret (FERMI_INTERNAL_SECRET)");
    expect(hub.ends).toEqual([]);
  });

  it("refuses other paths, requests that are not signed, and ones that were made before", async () => {
    const auth = new InternalAuth("what all of this installation share", systemClock);
    const signed = auth.sign({ method: "GET", path: "/v1/router" });
    const status = (path: string, headers: object) =>
      new Promise<number>((resolve) => {
        const upgrade = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13" };
        const key = { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==" };
        http
          .get({ port: process.port, path, agent: false, headers: { ...upgrade, ...key, ...headers } })
          .on("response", (response) => resolve(response.statusCode ?? 0))
          .on("upgrade", (_response, socket) => {
            socket.destroy();
            resolve(101);
          });
      });
    expect(await status("/v1/other", signed)).toBe(404);
    expect(await status("/v1/router", {})).toBe(401);
    expect(await status("/v1/router", signed)).toBe(101);
    expect(await status("/v1/router", signed)).toBe(401);
  });

  it("keeps no connection of who was refused and does not leave", async () => {
    const client = await RawClient.connect(process.port, { allowHalfOpen: true });
    client.write(handshake("/v1/router"));
    await client.sees("UNAUTHENTICATED");
    await client.isLetGo();
  });

  it("is closed by what can't be read, and passes over what it does not know", async () => {
    const auth = new InternalAuth("what all of this installation share", systemClock);
    const dial = (): WebSocket =>
      new WebSocket(`ws://127.0.0.1:${process.port}/v1/router`, {
        headers: auth.sign({ method: "GET", path: "/v1/router" }),
      });
    const socket = dial();
    await new Promise((resolve) => socket.once("open", resolve));
    socket.send(JSON.stringify({ seen: 0, message: { type: "OF_TOMORROW" } }));
    socket.send(JSON.stringify({ seen: 0, message: hello }));
    await joined();
    const code = new Promise((resolve) => socket.once("close", resolve));
    socket.send(JSON.stringify({ seen: 0, message: { ...released, instanceId: 5 } }));
    expect(await code).toBe(1008);
    expect(process.warnings).toEqual(["a router said what can't be read; its stream is closed"]);
    expect(hub.heard).toEqual([[hello, 0]]);
  });

  it("is cut off where the router does not take what it is sent", async () => {
    open(linkTo(await deafProxy(process.port, listening)));
    await joined();
    const big: ToRouter = { type: "REFUSE", target: instance, code: "LOAD_FAILED", message: "x".repeat(99_000) };
    for (let number = 1; hub.closed.length === 0 && number < 2_000; number++) {
      hub.ends[0]?.deliver(big, number);
      await new Promise(setImmediate);
    }
    expect(hub.closed).toEqual([false]);
  });

  it("is noticed to be dead within seconds by both sides, though no connection breaks", async () => {
    const proxy = await StallingProxy.start(process.port, listening);
    const { listener } = open(linkTo(proxy.port));
    await joined();
    proxy.stall();
    await until("both have noticed", () => listener.lost.length > 0 && hub.closed.length > 0, 9_000);
    expect(hub.closed).toEqual([false]);
  }, 20_000);

  it("can be closed while it is looked for", async () => {
    const callers = new Set<net.Socket>();
    const silent = net.createServer((socket) => {
      callers.add(socket);
      socket
        .resume()
        .on("error", () => {})
        .once("close", () => callers.delete(socket));
    });
    listening.add(silent);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { listener, stream } = open(linkTo((silent.address() as AddressInfo).port));
    await until("somebody is asked", () => callers.size === 1);
    stream.close();
    await until("the call is over", () => callers.size === 0);
    expect(listener.lost).toEqual([]);
  });
});

/** Passes everything on until it is stalled: then nothing, and no connection ends. */
class StallingProxy {
  readonly #pairs: net.Socket[] = [];

  private constructor(readonly port: number) {}

  static async start(to: number, listening: Set<net.Server>): Promise<StallingProxy> {
    const server = net.createServer({ allowHalfOpen: true });
    listening.add(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const proxy = new StallingProxy((server.address() as AddressInfo).port);
    server.on("connection", (near) => {
      const far = net.connect(to, "127.0.0.1");
      proxy.#pairs.push(near, far);
      near.on("data", (bytes) => far.write(bytes)).on("error", () => far.destroy());
      far.on("data", (bytes) => near.write(bytes)).on("error", () => near.destroy());
      near.on("close", () => far.destroy());
      far.on("close", () => near.destroy());
    });
    return proxy;
  }

  stall(): void {
    for (const socket of this.#pairs)
      socket
        .removeAllListeners()
        .pause()
        .on("error", () => {});
  }
}

/** Passes the router's words on, and hears nothing. */
async function deafProxy(to: number, listening: Set<net.Server>): Promise<number> {
  const server = net.createServer((near) => {
    const far = net.connect(to, "127.0.0.1");
    near.on("data", (bytes) => far.write(bytes)).on("error", () => far.destroy());
    near.on("close", () => far.destroy());
    // The answer to the handshake, and not a byte more.
    far.once("data", (bytes) => {
      near.write(bytes);
      far.pause();
    });
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
  });
  listening.add(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
