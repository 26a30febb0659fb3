import { describe, expect, it } from "@jest/globals";
import { page, triggerNode } from "./fake-api.js";
import { fermi, throws } from "./run-fermi.js";

const published = { publishMessage: () => "m1", triggers: (args: never) => page([], args) };

describe("fermi topic publish", () => {
  it("publishes the text that it is given, and says under which id", async () => {
    const { api, stdout } = await fermi("topic publish orders hello --key k7 -n shop", published);
    expect(api.requests[0]?.variables).toEqual({ topic: "orders", body: "hello", key: "k7", namespace: "shop" });
    expect(stdout).toBe("message m1 is published to orders\n");
  });

  it("warns where the topic has queues of NATS, which do not get it", async () => {
    const queues = [
      triggerNode("QueueTrigger", { name: "here" }),
      triggerNode("QueueTrigger", { name: "elsewhere", topic: "invoices", broker: "NATS" }),
      triggerNode("QueueTrigger", { name: "in-nats", broker: "NATS" }),
    ];
    const fields = { ...published, triggers: (args: never) => page(queues, args) };
    const { exitCode, stdout, stderr } = await fermi("topic publish orders hello -o json", fields);
    expect([exitCode, JSON.parse(stdout), stderr]).toEqual([
      0,
      { id: "m1" },
      "queue in-nats does not get it: messages of broker NATS are published by NATS' own clients, to the subject orders",
    ]);
  });

  it("has published also where the queues can't be read", async () => {
    const fields = { ...published, triggers: throws("INTERNAL", "No.") };
    expect(await fermi("topic publish orders hello", fields)).toMatchObject({ exitCode: 0, stderr: "" });
  });

  it("reads stdin where there is no text, and says the id to programs", async () => {
    const line = "topic publish orders --content-type text/csv -o json";
    const { api, stdout } = await fermi(line, published, { stdin: "a,b" });
    expect(api.requests[0]?.variables).toMatchObject({ body: "a,b", contentType: "text/csv" });
    expect(JSON.parse(stdout)).toEqual({ id: "m1" });
  });

  it("speaks of flags where something is wrong with them", async () => {
    const refuses = { publishMessage: throws("BAD_USER_INPUT", "key must be text.", "key") };
    const { exitCode, stderr } = await fermi("topic publish orders x --key y", refuses);
    expect([exitCode, stderr]).toEqual([1, "fermi: --key must be text"]);
  });

  it("speaks of --content-type where that is no media type", async () => {
    const refuses = { publishMessage: throws("BAD_USER_INPUT", "contentType must be a media type.", "contentType") };
    const { exitCode, stderr } = await fermi("topic publish orders x --content-type nonsense", refuses);
    expect([exitCode, stderr]).toEqual([1, "fermi: --content-type must be a media type"]);
  });

  it("demands a topic", async () => {
    expect(await fermi("topic publish", {})).toMatchObject({ exitCode: 2 });
  });
});
