import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ApiHarness } from "../support/api-harness.js";
import { createFunction } from "../support/api-resources.js";

const mutation = `mutation ($topic: String!, $body: String!, $key: String, $namespace: String! = "default", $type: String) {
  publishMessage(topic: $topic, body: $body, key: $key, namespace: $namespace, contentType: $type) }`;

const CREATE = `mutation ($input: CreateQueueTriggerInput!) { createQueueTrigger(input: $input) { id } }`;

describe("publishMessage", () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await ApiHarness.start({ adminToken: "a-token-of-this-test" });
  });
  afterAll(() => api.stop());

  const stored = async (id: unknown): Promise<unknown[]> =>
    api.dataSource.query(
      "SELECT namespace, topic, key, headers, convert_from(body, 'UTF8') AS body FROM topic_message WHERE id = $1",
      [id],
    );

  it("answers with the id of a message that is stored", async () => {
    const { publishMessage: id } = await api.client.ok<{ publishMessage: string }>(mutation, {
      ...{ topic: "orders.new", body: '{"a":"ü"}', key: "customer 7", namespace: "shop" },
    });
    expect(await stored(id)).toEqual([
      {
        ...{ namespace: "shop", topic: "orders.new", key: "customer 7", body: '{"a":"ü"}' },
        headers: { "content-type": "application/json" },
      },
    ]);
  });

  it("takes text for text, and a type that is given for what it says", async () => {
    for (const [type, expected] of [
      [null, "text/plain; charset=utf-8"],
      ["text/csv", "text/csv"],
      ['text/csv; a=b;c="d; \\" e"', 'text/csv; a=b;c="d; \\" e"'],
    ]) {
      const { publishMessage: id } = await api.client.ok(mutation, { topic: "orders", body: "no JSON", type });
      expect(await stored(id)).toMatchObject([{ headers: { "content-type": expected } }]);
    }
  });

  it("takes a message of a mebibyte, and refuses a larger one", async () => {
    const body = "\n".repeat(1024 * 1024);
    expect(await api.client.ok(mutation, { topic: "orders", body })).toHaveProperty("publishMessage");
    expect(await api.client.refused(mutation, { topic: "orders", body: `${body}x` })).toMatchObject({
      code: "BODY_TOO_LARGE",
      field: "body",
    });
  });

  it.each([
    ["topic", { topic: "a b" }],
    ["topic", { topic: ".a" }],
    ["topic", { topic: "a*" }],
    ["topic", { topic: "x".repeat(201) }],
    ["key", { key: "" }],
    ["key", { key: "a\nb" }],
    ["namespace", { namespace: "Not One" }],
    ["contentType", { type: "text/plain\r\nx: y" }],
    ["contentType", { type: "" }],
    ["contentType", { type: "nonsense" }],
    ["contentType", { type: "text/plain; charset" }],
    ["contentType", { type: `text/${"x".repeat(252)}` }],
  ])("refuses what is wrong with %s", async (field, change) => {
    const refused = await api.client.refused(mutation, { topic: "orders", body: "", ...change });
    expect(refused).toMatchObject({ code: "BAD_USER_INPUT", field });
  });

  it("tells by `publish` how many triggers get it, and which of NATS don't", async () => {
    const fn = await createFunction(api.client);
    for (const [name, broker, topic] of [
      ["here", "POSTGRES", "told"],
      ["here-too", "POSTGRES", "told"],
      ["elsewhere", "POSTGRES", "untold"],
      ["in-nats", "NATS", "told"],
    ]) {
      await api.client.ok(CREATE, { input: { function: fn, name, broker, topic } });
    }
    const publish = `mutation ($topic: String!) { publish(topic: $topic, body: "1") { id deliveries unreached } }`;
    const { publish: told } = await api.client.ok<{ publish: { id: string } }>(publish, { topic: "told" });
    expect(told).toEqual({ id: expect.any(String), deliveries: 2, unreached: ["in-nats"] });
    expect(await stored(told.id)).toHaveLength(1);
    const { publish: unheard } = await api.client.ok(publish, { topic: "nobody" });
    expect(unheard).toMatchObject({ deliveries: 0, unreached: [] });
  });

  it("is the administrator's", async () => {
    const answer = await api.client.gql(mutation, { topic: "orders", body: "" }, { authorization: "Bearer wrong" });
    expect(answer).toMatchObject({ status: 401, errors: [{ extensions: { code: "UNAUTHENTICATED" } }] });
  });
});
