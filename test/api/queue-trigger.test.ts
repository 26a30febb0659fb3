import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { valueAt } from "../support/api-client.js";
import { ApiHarness } from "../support/api-harness.js";
import { createFunction, createTrigger, someName } from "../support/api-resources.js";

const FIELDS = `id name namespace revision enabled broker topic responseTopic errorTopic maxAttempts concurrency function { name }`;
const CREATE = `mutation ($input: CreateQueueTriggerInput!) { createQueueTrigger(input: $input) { ${FIELDS} } }`;
const UPDATE = `mutation ($input: UpdateQueueTriggerInput!) { updateQueueTrigger(input: $input) { ${FIELDS} } }`;

describe("queue triggers", () => {
  let api: ApiHarness;
  let fn: string;
  beforeAll(async () => {
    api = await ApiHarness.start();
    fn = await createFunction(api.client);
  });
  afterAll(() => api.stop());

  it("are created with the defaults of the schema, and changed", async () => {
    const name = someName();
    const created = await api.client.ok(CREATE, { input: { name, function: fn, topic: "orders.new" } });
    expect(created).toMatchObject({
      createQueueTrigger: {
        ...{ name, namespace: "default", revision: 1, enabled: true, function: { name: fn }, broker: "POSTGRES" },
        ...{ topic: "orders.new", responseTopic: null, errorTopic: null, maxAttempts: 5, concurrency: 1 },
      },
    });
    const id = valueAt(created, "createQueueTrigger.id");
    const change = { id, responseTopic: "orders.done", errorTopic: "orders.dead", maxAttempts: 100, concurrency: 100 };
    expect(await api.client.ok(UPDATE, { input: change })).toMatchObject({
      updateQueueTrigger: { ...change, revision: 2, topic: "orders.new" },
    });
    expect(await api.client.ok(UPDATE, { input: { id, errorTopic: null } })).toMatchObject({
      updateQueueTrigger: { revision: 3, errorTopic: null, responseTopic: "orders.done" },
    });
  });

  it.each([
    ["topic", { topic: "" }],
    ["topic", { topic: "a b" }],
    ["topic", { topic: "a..b" }],
    ["topic", { topic: "orders.*" }],
    ["topic", { topic: "x".repeat(201) }],
    ["responseTopic", { responseTopic: "orders" }],
    ["responseTopic", { responseTopic: ">" }],
    ["errorTopic", { errorTopic: "orders" }],
    ["maxAttempts", { maxAttempts: 0 }],
    ["maxAttempts", { maxAttempts: 101 }],
    ["concurrency", { concurrency: 0 }],
    ["concurrency", { concurrency: 101 }],
    ["name", { name: "No Label" }],
  ])("refuse a wrong %s and say what would be right: %j", async (field, wrong) => {
    const error = await api.client.refused(CREATE, {
      input: { name: someName(), function: fn, topic: "orders", ...wrong },
    });
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", field, message: expect.stringMatching(/must/) });
  });

  it("refuse an update that would lead messages round, and of what the caller has not seen", async () => {
    const id = await createTrigger(api.client, "QueueTrigger", { function: fn, errorTopic: "dead" });
    expect(await api.client.refused(UPDATE, { input: { id, topic: "dead" } })).toMatchObject({
      code: "BAD_USER_INPUT",
      field: "errorTopic",
    });
    expect(await api.client.refused(UPDATE, { input: { id, expectedRevision: 2 } })).toMatchObject({
      code: "CONFLICT",
    });
  });

  it("are refused, with the reason, where this installation has no such broker", async () => {
    api.support.brokerProblem = (broker) => (broker === "NATS" ? "knows no NATS server" : undefined);
    const input = { name: someName(), function: fn, topic: "orders", broker: "NATS" };
    const error = await api.client.refused(CREATE, { input });
    api.support.brokerProblem = () => undefined;
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", field: "broker", message: expect.stringContaining("NATS") });
  });
});
