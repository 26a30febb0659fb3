import { describe, expect, it } from "@jest/globals";
import { fermi, throws } from "./run-fermi.js";

const published = { publish: () => ({ id: "m1", deliveries: 1, unreached: [] }) };

describe("fermi topic publish", () => {
  it("publishes the text that it is given, and says under which id", async () => {
    const { api, stdout } = await fermi("topic publish orders hello --key k7 -n shop", published);
    expect(api.requests[0]?.variables).toEqual({ topic: "orders", body: "hello", key: "k7", namespace: "shop" });
    expect(stdout).toBe("message m1 is published to orders, for 1 queue\n");
  });

  it("warns where the topic has queues of NATS, which do not get it", async () => {
    const told = { id: "m1", deliveries: 0, unreached: ["in-nats"] };
    const { exitCode, stdout, stderr } = await fermi("topic publish orders hello -o json", { publish: () => told });
    expect([exitCode, JSON.parse(stdout), stderr]).toEqual([
      0,
      told,
      "queue in-nats does not get it: messages of broker NATS are published by NATS' own clients, to the subject orders",
    ]);
  });

  it("reads stdin where there is no text, and says the id to programs", async () => {
    const line = "topic publish orders --content-type text/csv -o json";
    const { api, stdout } = await fermi(line, published, { stdin: "a,b" });
    expect(api.requests[0]?.variables).toMatchObject({ body: "a,b", contentType: "text/csv" });
    expect(JSON.parse(stdout)).toMatchObject({ id: "m1" });
  });

  it("speaks of flags where something is wrong with them", async () => {
    const refuses = { publish: throws("BAD_USER_INPUT", "key must be text.", "key") };
    const { exitCode, stderr } = await fermi("topic publish orders x --key y", refuses);
    expect([exitCode, stderr]).toEqual([1, "fermi: --key must be text"]);
  });

  it("says who is to make room where there is none", async () => {
    const refuses = { publish: throws("QUEUE_FULL", "The messages that wait take up all the room.") };
    const { exitCode, stderr } = await fermi("topic publish orders x", refuses);
    expect([exitCode, stderr]).toEqual([
      1,
      "fermi: The messages that wait take up all the room; `fermi queue list -A` shows what is to handle them",
    ]);
  });

  it("speaks of --content-type where that is no media type", async () => {
    const refuses = { publish: throws("BAD_USER_INPUT", "contentType must be a media type.", "contentType") };
    const { exitCode, stderr } = await fermi("topic publish orders x --content-type nonsense", refuses);
    expect([exitCode, stderr]).toEqual([1, "fermi: --content-type must be a media type"]);
  });

  it("demands a topic", async () => {
    expect(await fermi("topic publish", {})).toMatchObject({ exitCode: 2 });
  });
});
