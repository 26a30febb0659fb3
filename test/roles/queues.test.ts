/** Messages while one of several processes that handle them is killed. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { eventually } from "../support/harness.js";
import { MessageSink, tellingSource } from "../support/message-sink.js";
import { Installation } from "./support/installation.js";

describe("Queues, with two processes that handle messages", () => {
  let fermi: Installation;
  let sink: MessageSink;
  beforeAll(async () => {
    sink = await MessageSink.start();
    fermi = await Installation.start({ counts: { router: 1, poolmgr: 1, triggers: 2 } });
    await fermi.ok(
      `mutation ($source: String!, $sink: String!) {
        createEnvironment(input: { name: "node", image: "fermi/nodejs" }) { id }
        createFunction(input: {
          name: "teller", environment: "node", source: $source,
          settings: { requestsPerInstance: 20 }, variables: [{ name: "SINK", value: $sink }]
        }) { id }
        createQueueTrigger(input: { name: "orders", function: "teller", topic: "orders", concurrency: 4 }) { id }
      }`,
      { source: tellingSource, sink: sink.url },
    );
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
    await sink.stop();
  }, 60_000);

  it("lose nothing and keep the order of each key when one is killed", async () => {
    const keys = ["a", "b", "c", "d", "e", "f"];
    const each = 25;
    const publishing = Promise.all(
      keys.map(async (key) => {
        for (let i = 0; i < each; i++) {
          const body = JSON.stringify({ key, i, waitMs: 15 });
          await fermi.ok(
            `mutation ($body: String!, $key: String) { publishMessage(topic: "orders", body: $body, key: $key) }`,
            { body, key },
          );
        }
      }),
    );
    await eventually(() => expect(sink.told.length).toBeGreaterThan(20), 30_000);
    await fermi.one("triggers").end("SIGKILL");
    const killedAt = sink.told.length;
    await publishing;
    const seen = (key: string): number[] =>
      (sink.bodies("orders") as { key: string; i: number }[]).filter((body) => body.key === key).map(({ i }) => i);
    await eventually(() => {
      for (const key of keys) expect(new Set(seen(key)).size).toBe(each);
    }, 90_000);
    expect(killedAt).toBeLessThan(keys.length * each);
    for (const key of keys) {
      // What was being handled is handled again: each number follows itself or the one before.
      for (const [at, number] of seen(key).entries()) {
        const before = at === 0 ? -1 : (seen(key)[at - 1] ?? -1);
        expect(number - before === 1 || number === before).toBe(true);
      }
    }
    const again = sink.told.length - keys.length * each;
    expect(again).toBeLessThanOrEqual(4);
    await eventually(async () =>
      expect(await fermi.ok(`{ triggers { nodes { ... on QueueTrigger { backlog } } } }`)).toEqual({
        triggers: { nodes: [{ backlog: 0 }] },
      }),
    );
  }, 150_000);
});
