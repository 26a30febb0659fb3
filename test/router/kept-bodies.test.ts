/** What is to be stored is kept whole till it is: bounded for all requests together, by whatever door they come. */
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FunctionTokens } from "../../src/auth/function-token.js";
import { systemClock } from "../../src/lib/clock.js";
import type { AsyncIntake } from "../../src/router/async-door.js";
import { eventually } from "../support/harness.js";
import { ask, errorCode, RawClient, type Answer } from "./support/http-client.js";
import { aTrigger } from "./support/route-builders.js";
import { Stage } from "./support/router-stage.js";
import { until } from "./support/until.js";

const kibibyte = 1024;

describe("Router: bodies that are kept", () => {
  let stage: Stage;
  /** What the store has been given, and does not have yet. */
  let waiting: (() => void)[];
  let bodies: Buffer[];
  const tokens = new FunctionTokens("the secret of this installation", systemClock);
  const authorization = `Bearer ${tokens.issue({ functionId: "id-of-hello", namespace: "default" }).token}`;

  beforeEach(async () => {
    [waiting, bodies] = [[], []];
    const stored = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
    const enqueue = async ({ id, body }: { id?: string; body: Buffer }): Promise<unknown> => {
      bodies.push(body);
      await stored();
      return { invocation: { id, status: "QUEUED" }, statusToken: "secret" };
    };
    const publish = async (): Promise<{ id: string; deliveries: number; unreached: string[] }> => {
      await stored();
      return { id: "1", deliveries: 0, unreached: [] };
    };
    stage = await Stage.start({
      triggers: [aTrigger("/later", { mode: "ASYNC", methods: ["GET", "POST"] })],
      intake: { enqueue: enqueue as AsyncIntake["enqueue"], status: () => Promise.resolve(undefined) },
      publishing: { tokens, topics: { publish } },
      maxKeptBytes: 300 * kibibyte,
    });
  });
  afterEach(async () => {
    for (const store of waiting) store();
    await stage.stop();
  });

  const later = (bytes: number, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(stage.port, "/later", { method: "POST", body: Buffer.alloc(bytes), headers });
  const publish = (bytes: number): Promise<Answer> =>
    ask(stage.port, "/-/topics/orders", { method: "POST", body: Buffer.alloc(bytes), headers: { authorization } });
  const areWaiting = (count: number): Promise<void> =>
    until(`${count} wait for the store`, () => waiting.length === count);
  const refusal = (answer: Answer): unknown[] => [answer.status, errorCode(answer), answer.headers["retry-after"]];
  const refused = [429, "QUEUE_FULL", "1"];

  it("are refused where there is no room beside those that wait, and taken once there is", async () => {
    const first = [later(200 * kibibyte), publish(100 * kibibyte)];
    await areWaiting(2);
    expect(refusal(await later(1))).toEqual(refused);
    expect(refusal(await publish(1))).toEqual(refused);
    expect(refusal(await later(1, { "Transfer-Encoding": "chunked" }))).toEqual(refused);
    const empty = ask(stage.port, "/later", { method: "GET" });
    await areWaiting(3);
    for (const store of waiting.splice(0)) store();
    expect((await Promise.all([...first, empty])).map(({ status }) => status)).toEqual([202, 201, 202]);
    const second = later(300 * kibibyte);
    await areWaiting(1);
    waiting.pop()?.();
    expect((await second).status).toBe(202);
  });

  it("are not asked for where there is no room", async () => {
    const first = later(300 * kibibyte);
    await areWaiting(1);
    const client = await RawClient.connect(stage.port);
    client.write("POST /later HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    expect(await client.sees("QUEUE_FULL")).not.toContain("100 Continue");
    client.destroy();
    waiting.pop()?.();
    await first;
  });

  it("take room as they come, and leave it when they break off", async () => {
    const client = await RawClient.connect(stage.port);
    client.write(`POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: ${300 * kibibyte}\r\n\r\n`);
    const second = later(300 * kibibyte);
    await areWaiting(1);
    client.write("x");
    await client.sees("429");
    waiting.pop()?.();
    expect((await second).status).toBe(202);
    const leaver = await RawClient.connect(stage.port);
    leaver.write(`POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nhalf`);
    await eventually(async () => expect(await statusOfAll()).toBe(429));
    leaver.reset();
    await eventually(async () => expect(await statusOfAll()).toBe(202));
  });

  it("are whole also where they come byte by byte", async () => {
    const content = "0123456789".repeat(100);
    const client = await RawClient.connect(stage.port);
    const chunks = content.replace(/./g, "1\r\n$&\r\n");
    client.write(`POST /later HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    await areWaiting(1);
    expect(String(bodies[0])).toBe(content);
    client.destroy();
  });

  /** What one is told that needs all the room there is. */
  const statusOfAll = async (): Promise<number> => {
    let isRefused = false;
    const answer = later(300 * kibibyte);
    void answer.then(() => (isRefused = true));
    await until("it is refused or waits", () => isRefused || waiting.length > 0);
    waiting.pop()?.();
    return (await answer).status;
  };
});
