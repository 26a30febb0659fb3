/** A NATS trigger through the front door, and what is told of it while NATS is away. */
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { jetstream } from "@nats-io/jetstream";
import { eventually, startFermi, type Fermi } from "../support/harness.js";
import { MessageSink, tellingSource } from "../support/message-sink.js";
import { describeNats, NatsServer } from "./nats-server.js";

describeNats("A NATS trigger", () => {
  let server: NatsServer;
  let fermi: Fermi;
  let sink: MessageSink;
  beforeAll(async () => {
    server = await NatsServer.start();
    sink = await MessageSink.start();
    const url = `nats://fermi:verysecret@127.0.0.1:${server.port}`;
    fermi = await startFermi({ env: { FERMI_NATS_URL: url, FERMI_STOP_TIMEOUT_SECONDS: "1" } });
    await fermi.ok(
      `mutation ($source: String!, $sink: String!) {
        createEnvironment(input: { name: "node", image: "fermi/nodejs" }) { id }
        createFunction(input: {
          name: "teller", environment: "node", source: $source, variables: [{ name: "SINK", value: $sink }]
        }) { id }
      }`,
      { source: tellingSource, sink: sink.url },
    );
  }, 60_000);
  afterAll(async () => {
    await fermi.stop();
    await sink.stop();
    await server.stop();
  });

  async function createTrigger(input: object): Promise<string> {
    const create = `mutation ($input: CreateQueueTriggerInput!) { createQueueTrigger(input: $input) { id } }`;
    const made = await fermi.ok<{ createQueueTrigger: { id: string } }>(create, {
      input: { function: "teller", ...input },
    });
    return made.createQueueTrigger.id;
  }
  const look = async (id: string): Promise<{ status: object; backlog: number | null }> => {
    const query = `query ($id: ID!) { trigger(id: $id) { status { condition reason } ... on QueueTrigger { backlog } } }`;
    const found = await fermi.ok<{ trigger: { status: object; backlog: number | null } }>(query, { id });
    return found.trigger;
  };
  const ready = { status: { condition: "READY", reason: null }, backlog: 0 };

  it("calls its function, publishes the answer and what has failed, and says how it does", async () => {
    const input = { broker: "NATS", topic: "orders.new", responseTopic: "orders.done", errorTopic: "orders.failed" };
    const id = await createTrigger({ ...input, name: "nats", maxAttempts: 1 });
    for (const topic of ["orders.done", "orders.failed"]) {
      await createTrigger({ broker: "NATS", topic, name: topic.replace(".", "-") });
    }
    await eventually(async () => expect(await look(id)).toEqual(ready), 20_000);
    const connection = await server.connect();
    const js = jetstream(connection);
    // No sooner than the consumer is there: what was published before it is nothing to it.
    await eventually(async () => {
      await js.publish("orders.new", '{"n":1}', { retries: 0 });
      expect(sink.bodies("orders.done")).toContainEqual({ got: { n: 1 }, by: "nats" });
    }, 20_000);
    await js.publish("orders.new", '{"failures":9}');
    await eventually(() => expect(sink.bodies("orders.failed")).toContainEqual({ failures: 9 }), 20_000);
    const reason = sink.of("orders.failed")[0]?.headers["x-fermi-error-reason"];
    expect(reason).toBe("The function answered 500.");
    await connection.close();
  }, 90_000);

  const metrics = async (): Promise<string[]> =>
    (await (await fetch(`${fermi.apiUrl}/metrics`)).text()).split("\n").filter((line) => !line.startsWith("#"));

  it("has Prometheus told of what it has not dealt with", async () => {
    const topic = "waiting";
    const id = await createTrigger({ broker: "NATS", topic, name: topic, concurrency: 1 });
    await eventually(async () => expect(await look(id)).toEqual(ready), 20_000);
    const connection = await server.connect();
    for (let count = 0; count < 3; count++) await jetstream(connection).publish(topic, '{"waitMs":60000}');
    const waits = `fermi_queue_backlog{namespace="default",trigger="${topic}"} 3`;
    await eventually(async () => expect(await metrics()).toContain(waits));
    await connection.close();
  }, 60_000);

  it("says why it fails while NATS is away, harms no other, and heals by itself", async () => {
    const [topic, own] = ["away", "at-home"];
    const id = await createTrigger({ broker: "NATS", topic, name: topic });
    await createTrigger({ topic: own, name: own });
    await eventually(async () => expect(await look(id)).toEqual(ready), 20_000);
    await server.kill();
    const reason = `NATS at 127.0.0.1:${server.port} can't be reached.`;
    await eventually(async () => {
      expect(await look(id)).toEqual({ status: { condition: "FAILING", reason }, backlog: null });
    }, 20_000);
    await eventually(async () => {
      const told = (await metrics()).filter((line) => line.startsWith("fermi_queue_backlog"));
      expect(told).toEqual([`fermi_queue_backlog{namespace="default",trigger="${own}"} 0`]);
    });
    await fermi.ok(`mutation { publishMessage(topic: "${own}", body: "{}") }`);
    await eventually(() => expect(sink.of(own)).toHaveLength(1));
    await server.run();
    await eventually(async () => expect(await look(id)).toEqual(ready), 30_000);
    const connection = await server.connect();
    await eventually(() => jetstream(connection).publish(topic, '{"n":2}', { retries: 0 }), 20_000);
    await eventually(() => expect(sink.bodies(topic)).toContainEqual({ n: 2 }), 40_000);
    await connection.close();
    expect(fermi.output()).not.toContain("verysecret");
  }, 120_000);
});
