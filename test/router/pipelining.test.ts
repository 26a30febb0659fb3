/** Requests behind others on one connection: each begins in its turn, and none that could not be answered any more. */
import http from "node:http";
import { afterEach, describe, expect, it } from "@jest/globals";
import { FunctionTokens } from "../../src/auth/function-token.js";
import { systemClock } from "../../src/lib/clock.js";
import type { NewTopicMessage, Publication } from "../../src/model/topic-message.js";
import type { AsyncIntake } from "../../src/router/async-door.js";
import { ask, RawClient } from "./support/http-client.js";
import { aFunction, aTrigger } from "./support/route-builders.js";
import { bodyOf, Stage, type StageOptions } from "./support/router-stage.js";
import { until } from "./support/until.js";
import { handshake } from "./support/websockets.js";

const post = (path: string, body = "", header = ""): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${header}\r\n${body}`;

const statuses = (received: string): string[] => received.match(/HTTP\/1\.1 \d+/g) ?? [];

describe("Router: pipelined requests", () => {
  let stage: Stage;
  /** Paths of which the function was asked. */
  let seen: string[];
  /** Targets of what was stored for later. */
  let stored: string[];
  /** Answers the function's first request. */
  let finishFirst: (() => void) | undefined;

  const cold = aFunction("cold", { settings: { timeoutSeconds: 0.2 } });
  const methods = ["GET", "POST"];
  const triggers = [
    ...["/a", "/b"].map((path) => aTrigger(path, { methods })),
    aTrigger("/later", { methods, mode: "ASYNC" }),
    aTrigger("/cold", { methods, functionId: cold.id }),
  ];
  const intake: AsyncIntake = {
    enqueue: ({ target }) => {
      stored.push(target);
      return new Promise(() => {});
    },
    status: () => Promise.resolve(undefined),
  };

  /** The function answers all but its first request at once. */
  async function start(options: StageOptions = {}): Promise<void> {
    [seen, stored, finishFirst] = [[], [], undefined];
    stage = await Stage.start({ functions: [aFunction("hello"), cold], triggers, intake, ...options });
    await stage.serve(async (req, res) => {
      seen.push(req.url ?? "");
      const body = await bodyOf(req);
      if (seen.length === 1) finishFirst = () => res.end(body);
      else res.end(body);
    });
  }
  afterEach(() => stage.stop());

  async function send(text: string, allowHalfOpen = false): Promise<RawClient> {
    const client = await RawClient.connect(stage.port, { allowHalfOpen });
    client.write(text);
    return client;
  }

  const firstRuns = (): Promise<void> => until("the first runs", () => finishFirst !== undefined);
  const recorded = async (...expected: readonly string[]): Promise<void> => {
    await until("the records", () => stage.records.length === expected.length);
    expect(stage.records.map(({ status }) => status).sort()).toEqual(expected);
  };

  it("wait, 100 at most, also where more come than can be made ready meanwhile", async () => {
    await start();
    const client = await send(post("/a", "x").repeat(400));
    await firstRuns();
    finishFirst?.();
    await until("all answers", () => statuses(client.received).length === 400);
    expect(statuses(client.received).filter((status) => status.endsWith("200"))).toHaveLength(101);
    expect(seen).toHaveLength(101);
    client.destroy();
  });

  it("run side by side where they have no effects, 16 at most and 100 that wait, so that few answers wait to be read", async () => {
    await start();
    const client = await send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n".repeat(300));
    await until("16 run", () => seen.length === 16);
    await ask(stage.port, "/-/healthz");
    expect(seen).toHaveLength(16);
    finishFirst?.();
    await until("all answers", () => statuses(client.received).length === 300);
    const [answered, refused] = [Array(116).fill("HTTP/1.1 200"), Array(184).fill("HTTP/1.1 429")];
    expect(statuses(client.received)).toEqual([...answered, ...refused]);
    client.destroy();
  });

  it("are given up when their client has taken nothing for a while of the answers that are there", async () => {
    await start({ unreadMs: 200 });
    const port = await stage.open(http.createServer((_req, res) => res.end(Buffer.alloc(64_000))));
    stage.grant(port, { functionId: cold.id, slots: 100 });
    const client = await RawClient.connect(stage.port);
    client.socket.pause();
    // More than the system keeps for a connection.
    client.write("GET /cold HTTP/1.1\r\nHost: x\r\n\r\n".repeat(116));
    await until("all are in", () => stage.recorder.running.get(cold.id) !== undefined);
    await until("none is in any more", () => stage.recorder.running.get(cold.id) === 0);
    expect(new Set(stage.records.map(({ status }) => status))).toEqual(new Set(["SUCCEEDED", "CANCELLED"]));
    client.destroy();
  });

  it("do not run behind the last answer of a router that drains", async () => {
    await start();
    const client = await send(post("/a", "x") + post("/b", "x"));
    await firstRuns();
    await until("both are in", () => stage.recorder.running.get("id-of-hello") === 2);
    stage.router.drain();
    finishFirst?.();
    expect(statuses(await client.closed())).toEqual(["HTTP/1.1 200"]);
    await recorded("CANCELLED", "SUCCEEDED");
    expect(seen).toEqual(["/a"]);
  });

  it("do not run behind one that was refused before its body was complete", async () => {
    await start();
    const client = await send("POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nhal", true);
    await client.sees("ROUTE_NOT_FOUND");
    client.write(`f of${post("/b", "x")}`);
    await ask(stage.port, "/-/healthz");
    client.socket.end();
    expect(statuses(await client.closed())).toEqual(["HTTP/1.1 404"]);
    expect([seen, stage.records]).toEqual([[], []]);
  });

  it("have the whole of their time limit for an instance, however long those before them took", async () => {
    await start();
    const port = await stage.open(http.createServer((_req, res) => res.end("warm by now")));
    stage.poolmgr.onDemand = () => void setTimeout(() => stage.grant(port, { functionId: cold.id }), 10);
    const client = await send(post("/a", "x") + post("/cold", "x"));
    await firstRuns();
    const sinceMs = performance.now();
    await until("its limit is over", () => performance.now() - sinceMs > 200);
    finishFirst?.();
    await client.sees("warm by now");
    client.destroy();
  });

  it("are refused in their turn where their body can't be read, also one that nobody reads before", async () => {
    await start();
    const broken = "POST /later HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\nzz\r\n";
    const client = await send(post("/a", "x") + broken);
    await firstRuns();
    finishFirst?.();
    expect(statuses(await client.closed())).toEqual(["HTTP/1.1 200", "HTTP/1.1 400"]);
    expect(stored).toEqual([]);
  });

  it("publish one after another", async () => {
    const published: string[] = [];
    const publish = async ({ body }: NewTopicMessage): Promise<Publication> => {
      published.push(`${body.toString()} came`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      published.push(`${body.toString()} is stored`);
      return { id: "", deliveries: 0, unreached: [] };
    };
    const tokens = new FunctionTokens("the secret of this installation", systemClock);
    await start({ publishing: { tokens, topics: { publish } } });
    const { token } = tokens.issue({ functionId: "id-of-hello", namespace: "default" });
    const message = (body: string) => post("/-/topics/orders?key=k", body, `Authorization: Bearer ${token}\r\n`);
    const client = await send(message("one") + message("two"));
    await until("both answers", () => statuses(client.received).length === 2);
    expect(published).toEqual(["one came", "one is stored", "two came", "two is stored"]);
    client.destroy();
  });

  it("are answered whole before one that is refused, though an upgrade comes behind them", async () => {
    await start();
    const bytes = 5_000_000;
    const port = await stage.open(http.createServer((_req, res) => res.end(Buffer.alloc(bytes))));
    stage.grant(port, { functionId: cold.id });
    const client = await send(post("/cold") + "GET /a HTTP/1.1\r\n\r\n" + handshake("/a"));
    client.socket.pause();
    await until("the answer is held up", () => client.socket.bytesRead > 0);
    client.socket.resume();
    expect(statuses(await client.closed())).toEqual(["HTTP/1.1 200", "HTTP/1.1 400"]);
    expect(client.received.length).toBeGreaterThan(bytes);
  });

  const reset = (client: RawClient): void => client.reset();
  const end = (client: RawClient): void => void client.socket.end();
  it.each([
    ["resets", post("/b", "x"), reset],
    ["resets", post("/later"), reset],
    ["ends its side", post("/b", "x"), end],
    ["ends its side behind an upgrade", post("/b", "x") + handshake("/a"), end],
    ["ends its side behind what is no HTTP", `${post("/b", "x")}rubbish\r\n\r\n`, end],
  ])("do not run when their client %s before (%#)", async (_how, others, leave) => {
    await start();
    const client = await send(post("/a", "x") + others);
    await firstRuns();
    leave(client);
    await client.closed();
    await ask(stage.port, "/-/healthz");
    finishFirst?.();
    await until("all is over", () => stage.recorder.running.get("id-of-hello") === 0);
    expect(stage.records.map(({ status }) => status)).not.toContain("SUCCEEDED");
    expect([seen, stored]).toEqual([["/a"], []]);
  });
});
