import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { WebSocket } from "ws";
import { valueAt } from "../support/api-client.js";
import { aLine, ApiHarness, aPool } from "../support/api-harness.js";
import { createFunction, functionId } from "../support/api-resources.js";
import { eventually } from "../support/harness.js";

/** A client that opens, subscribes, and then reads only when it is told to. */
async function open(api: ApiHarness): Promise<WebSocket> {
  const socket = new WebSocket(api.client.wsUrl, "graphql-transport-ws");
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "connection_init" }));
  await once(socket, "message");
  return socket;
}

const subscribe = (socket: WebSocket, id: string, query: string, variables: object = {}): void =>
  socket.send(JSON.stringify({ id, type: "subscribe", payload: { query, variables } }));

const LOGS = `subscription ($f: LogFilter!) { logs(filter: $f, tail: 200) { message } }`;

describe("a subscriber that does not read", () => {
  let api: ApiHarness;
  let fn: string;
  beforeAll(async () => {
    api = await ApiHarness.start({ socketLimits: { stallMs: 1_000, pingIntervalMs: 60_000 } });
    fn = await createFunction(api.client);
    const id = await functionId(api.client, fn);
    const line = aLine({ functionId: id, message: "x".repeat(60_000) });
    for (let batch = 0; batch < 4; batch++) await api.insertLines(Array.from({ length: 50 }, () => line));
  });
  afterAll(() => api.stop());

  it("is disconnected with a reason, and what it followed ends", async () => {
    const socket = await open(api);
    subscribe(socket, "pools", "subscription { poolChanges { warm } }");
    for (let index = 0; index < 3; index++) subscribe(socket, `${index}`, LOGS, { f: { function: fn } });
    await once(socket, "message");
    expect(api.pools.listenerCount).toBe(1);
    socket.pause();
    const deadline = AbortSignal.timeout(10_000);
    while (api.pools.listenerCount > 0 && !deadline.aborted) await new Promise(setImmediate);
    expect(api.pools.listenerCount).toBe(0);
    const closed = once(socket, "close");
    socket.resume();
    const [code, reason] = (await closed) as [number, Buffer];
    expect([code, String(reason)]).toEqual([4008, expect.stringMatching(/^Too slow/)]);
    expect(api.slowSockets).toBe(1);
    expect(api.log.entries.filter(({ level }) => level === "warn")).toEqual([
      {
        level: "warn",
        fields: { bufferedBytes: expect.any(Number) },
        message: expect.stringMatching(/WebSocket was ended/),
      },
    ]);
  });

  it("does not disturb another", async () => {
    const slow = await open(api);
    for (let index = 0; index < 3; index++) subscribe(slow, `${index}`, LOGS, { f: { function: fn } });
    slow.pause();
    const other = api.client.subscribe(LOGS, { f: { function: fn } });
    expect(await other.take(200)).toHaveLength(200);
    other.end();
    slow.terminate();
  });
});

describe("a subscriber with more waiting than the bound", () => {
  it("is disconnected at once", async () => {
    const api = await ApiHarness.start({ socketLimits: { bufferedBytesMax: 1_000, stallMs: 60_000 } });
    const fn = await createFunction(api.client);
    const id = await functionId(api.client, fn);
    // More than the network takes at once, whatever the size of its buffers.
    const line = aLine({ functionId: id, message: "x".repeat(60_000) });
    for (let batch = 0; batch < 4; batch++) await api.insertLines(Array.from({ length: 50 }, () => line));
    const socket = await open(api);
    socket.pause();
    subscribe(socket, "1", LOGS, { f: { function: fn } });
    const closed = once(socket, "close");
    api.pools.set(aPool("none"));
    subscribe(socket, "2", `{ logs(filter: { function: "${fn}" }, last: 200) { nodes { message } } }`);
    await eventually(() => expect(api.slowSockets).toBe(1));
    socket.resume();
    const [code] = (await closed) as [number];
    expect(code).toBe(4008);
    await api.stop();
  });
});

describe("a subscriber that reads", () => {
  it("gets also one answer that is larger than what may wait", async () => {
    const api = await ApiHarness.start({ socketLimits: { bufferedBytesMax: 1_000 } });
    const fn = await createFunction(api.client);
    const id = await functionId(api.client, fn);
    // More than the network takes at once, whatever the size of its buffers.
    const line = aLine({ functionId: id, message: "x".repeat(60_000) });
    for (let batch = 0; batch < 4; batch++) await api.insertLines(Array.from({ length: 50 }, () => line));
    const query = `{ logs(filter: { function: "${fn}" }, last: 200) { nodes { message } } }`;
    const [data] = await api.client.subscribe(query).take(1);
    expect(valueAt<unknown[]>(data, "logs.nodes")).toHaveLength(200);
    expect(api.slowSockets).toBe(0);
    await api.stop();
  });
});
