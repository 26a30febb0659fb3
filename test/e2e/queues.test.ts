/** Topics through the front door: published through GraphQL and by functions, handled by functions. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { someName } from "../support/api-resources.js";
import { eventually, startFermi, type Fermi } from "../support/harness.js";
import { MessageSink, tellingSource } from "../support/message-sink.js";

const CREATE = `mutation ($input: CreateQueueTriggerInput!) { createQueueTrigger(input: $input) { id } }`;
const PUBLISH = `mutation ($topic: String!, $body: String!, $key: String) { publishMessage(topic: $topic, body: $body, key: $key) }`;
const TRIGGER = `query ($id: ID!) { trigger(id: $id) { enabled status { condition reason } ... on QueueTrigger { backlog } } }`;

describe("Queues", () => {
  let fermi: Fermi;
  let sink: MessageSink;
  beforeAll(async () => {
    sink = await MessageSink.start();
    fermi = await startFermi();
    await fermi.ok(`mutation {
      node: createEnvironment(input: { name: "node", image: "fermi/nodejs" }) { id }
      python: createEnvironment(input: { name: "python", image: "fermi/python", poolSize: 1 }) { id }
    }`);
    await createFunction("teller", tellingSource, { requestsPerInstance: 20 });
  }, 60_000);
  afterAll(async () => {
    await fermi.stop();
    await sink.stop();
  });

  const createFunction = (name: string, source: string, settings: object = {}, environment = "node") =>
    fermi.ok(`mutation ($input: CreateFunctionInput!) { createFunction(input: $input) { id } }`, {
      input: { name, source, settings, environment, variables: [{ name: "SINK", value: sink.url }] },
    });
  async function createTrigger(input: { readonly topic: string } & Readonly<Record<string, unknown>>): Promise<string> {
    const made = await fermi.ok<{ createQueueTrigger: { id: string } }>(CREATE, {
      input: { name: someName(), function: "teller", ...input },
    });
    return made.createQueueTrigger.id;
  }
  const publish = async (topic: string, body: unknown, key?: string): Promise<string> =>
    (await fermi.ok<{ publishMessage: string }>(PUBLISH, { topic, body: JSON.stringify(body), key })).publishMessage;
  const look = async (id: string) =>
    (
      await fermi.ok<{ trigger: { status: { condition: string; reason: string | null }; backlog: number } }>(TRIGGER, {
        id,
      })
    ).trigger;

  it("call the function with a message, record that, and publish the answer", async () => {
    const [topic, answers] = [someName(), someName()];
    const trigger = await createTrigger({ topic, responseTopic: answers });
    await createTrigger({ topic: answers });
    const id = await publish(topic, { order: 1 }, "customer 7");
    await eventually(() => expect(sink.bodies(answers)).toHaveLength(1));
    expect(sink.of(topic)).toMatchObject([
      {
        body: { order: 1 },
        headers: { "x-fermi-message-id": id, "x-fermi-message-key": "customer%207", "x-fermi-attempt": "1" },
      },
    ]);
    expect(sink.of(topic)[0]?.headers["x-fission-mqtrigger-topic"]).toBe(topic);
    expect(sink.of(answers)).toMatchObject([
      { body: { got: { order: 1 } }, headers: { "x-fermi-message-key": "customer%207" } },
    ]);
    await eventually(async () => {
      const { invocations } = await fermi.ok<{ invocations: { nodes: unknown[] } }>(
        `{ invocations(filter: { source: QUEUE, function: "teller" }) { nodes { source status method trigger { id } } } }`,
      );
      expect(invocations.nodes).toContainEqual({
        ...{ source: "QUEUE", status: "SUCCEEDED", method: "POST" },
        trigger: { id: trigger },
      });
    });
    await eventually(async () =>
      expect(await look(trigger)).toMatchObject({ status: { condition: "READY", reason: null }, backlog: 0 }),
    );
  });

  it("keep the order of each key, and handle keys beside each other", async () => {
    const topic = someName();
    const trigger = await createTrigger({ topic, concurrency: 4 });
    const keys = ["a", "b", "c", "d"];
    const each = 15;
    await Promise.all(
      keys.map(async (key) => {
        for (let i = 0; i < each; i++) await publish(topic, { key, i, waitMs: i % 3 === 0 ? 20 : 0 }, key);
      }),
    );
    await eventually(() => expect(sink.bodies(topic)).toHaveLength(keys.length * each), 30_000);
    for (const key of keys) {
      const numbers = (sink.bodies(topic) as { key: string; i: number }[]).filter((body) => body.key === key);
      expect(numbers.map(({ i }) => i)).toEqual(Array.from({ length: each }, (_, i) => i));
    }
    await eventually(async () => expect(await look(trigger)).toMatchObject({ backlog: 0 }));
  });

  it("give up after the last attempt: the whole message goes to the error topic, with the reason", async () => {
    const [topic, failed] = [someName(), someName()];
    const trigger = await createTrigger({ topic, errorTopic: failed, maxAttempts: 2 });
    await createTrigger({ topic: failed });
    const id = await publish(topic, { failures: 99 }, "k");
    await publish(topic, { failures: 99, status: 400, is: "wrong" });
    await eventually(() => expect(sink.bodies(failed)).toHaveLength(2), 20_000);
    const first = sink.of(failed).find(({ headers }) => headers["x-fermi-message-key"] === "k");
    expect(first).toMatchObject({
      body: { failures: 99 },
      headers: {
        "content-type": "application/json",
        "x-fermi-error-reason": "The function answered 500.",
        "x-fermi-error-attempts": "2",
        "x-fermi-error-topic": topic,
        "x-fermi-error-message-id": id,
      },
    });
    // What is wrong with the request itself another attempt can't mend.
    const tried = sink.of(topic).filter(({ body }) => Object(body).is === "wrong");
    expect(tried).toHaveLength(1);
    expect(await look(trigger)).toMatchObject({ status: { condition: "FAILING" }, backlog: 0 });
  });

  it("have been as they are since they were switched on again", async () => {
    const id = await createTrigger({ topic: someName() });
    const set = (on: boolean): Promise<unknown> =>
      fermi.ok(`mutation ($id: ID!, $on: Boolean!) { setTriggerEnabled(id: $id, enabled: $on) { id } }`, { id, on });
    const isReadySince = async (at: number): Promise<void> => {
      const query = `query ($id: ID!) { trigger(id: $id) { status { condition since } } }`;
      const { trigger } = await fermi.ok<{ trigger: { status: { condition: string; since: string } } }>(query, { id });
      expect(trigger.status.condition).toBe("READY");
      expect(Date.parse(trigger.status.since)).toBeGreaterThanOrEqual(at);
    };
    await eventually(() => isReadySince(0));
    await set(false);
    const onAt = Date.now();
    await set(true);
    await eventually(() => isReadySince(onAt));
  });

  it("try a message again that failed, holding back its key alone", async () => {
    const topic = someName();
    await createTrigger({ topic });
    await publish(topic, { failures: 1, n: 1 }, "k");
    await publish(topic, { n: 2 }, "k");
    await publish(topic, { n: 3 }, "other");
    await eventually(() => expect(sink.bodies(topic)).toHaveLength(4), 20_000);
    const ofKey = (sink.bodies(topic) as { n: number }[]).map(({ n }) => n).filter((n) => n < 3);
    expect(ofKey).toEqual([1, 1, 2]);
  });

  it("keep what comes while the trigger is off, and hand it over when it is on again", async () => {
    const topic = someName();
    const id = await createTrigger({ topic });
    const enable = (enabled: boolean) =>
      fermi.ok(`mutation ($id: ID!, $enabled: Boolean!) { setTriggerEnabled(id: $id, enabled: $enabled) { id } }`, {
        ...{ id, enabled },
      });
    await enable(false);
    await eventually(async () => {
      const before = (await look(id)).backlog;
      await publish(topic, {});
      expect((await look(id)).backlog).toBe(before + 1);
    });
    await enable(true);
    await eventually(async () => expect((await look(id)).backlog).toBe(0));
  });

  it("take messages from functions, with the address and the token that they find, for their own namespace", async () => {
    const [topic, other] = [someName(), someName()];
    await createTrigger({ topic });
    const js = `module.exports = async ({ request: { query } }) => {
      const send = async (path, token = process.env.FERMI_TOKEN) => {
        const headers = { "content-type": "application/json", ...(token && { authorization: "Bearer " + token }) };
        const answer = await fetch(process.env.FERMI_ROUTER_URL + path, { method: "POST", headers, body: '{"from":"node"}' });
        return [answer.status, answer.headers.get("x-fermi-error")];
      };
      const path = "/-/topics/" + query.topic;
      return [await send(path + "?key=k"), await send(path + "?namespace=other"), await send(path, ""), await send(path, "a.b")];
    };`;
    const py = `import json, os, urllib.request
def main(context):
    request = urllib.request.Request(
        os.environ["FERMI_ROUTER_URL"] + "/-/topics/" + context.request.query["topic"],
        data=b'{"from":"python"}',
        headers={"authorization": "Bearer " + os.environ["FERMI_TOKEN"], "content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())
`;
    await createFunction(topic, js);
    await createFunction(other, py, {}, "python");
    const invoke = async (name: string): Promise<unknown> => {
      const { invokeFunction } = await fermi.ok<{ invokeFunction: { result: { body: string } } }>(
        `mutation ($input: InvokeFunctionInput!) { invokeFunction(input: $input) { result { body } } }`,
        { input: { function: name, path: `/?topic=${topic}` } },
      );
      return JSON.parse(invokeFunction.result.body) as unknown;
    };
    expect(await invoke(topic)).toEqual([
      [201, null],
      [403, "FORBIDDEN"],
      [401, "UNAUTHENTICATED"],
      [401, "UNAUTHENTICATED"],
    ]);
    expect(await invoke(other)).toEqual({ id: expect.any(String), deliveries: 1, unreached: [] });
    await eventually(() =>
      expect(sink.of(topic).map(({ body, headers }) => [body, headers["x-fermi-message-key"]])).toEqual(
        expect.arrayContaining([
          [{ from: "node" }, "k"],
          [{ from: "python" }, undefined],
        ]),
      ),
    );
    expect(fermi.output()).not.toMatch(/Bearer|eyJ|\["[0-9a-f-]{36}","default"/);
  });

  it("refuse a trigger of a NATS that this installation has not, and say what is missing", async () => {
    const { errors } = await fermi.gql(CREATE, {
      input: { name: "n", function: "teller", topic: "t", broker: "NATS" },
    });
    expect(errors).toMatchObject([{ extensions: { code: "BAD_USER_INPUT" } }]);
    expect(errors?.[0]?.message).toContain("FERMI_NATS_URL");
  });

  it("go with their function", async () => {
    const topic = someName();
    await createFunction(topic, tellingSource);
    const id = await createTrigger({ topic, function: topic });
    await publish(topic, { n: 1 });
    await eventually(() => expect(sink.bodies(topic)).toHaveLength(1));
    await fermi.ok(`mutation ($name: String!) { deleteFunction(name: $name, deleteTriggers: true) { id } }`, {
      name: topic,
    });
    await publish(topic, { n: 2 });
    expect((await fermi.ok(TRIGGER, { id }))["trigger"]).toBeNull();
    expect(sink.bodies(topic)).toHaveLength(1);
  });
});
