/** The broker of NATS against a real server. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "@jest/globals";
import { DiscardPolicy, jetstream, jetstreamManager, RetentionPolicy, type JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { systemClock } from "../../src/lib/clock.js";
import { silentLogger, type Logger } from "../../src/lib/logger.js";
import type { QueueTrigger } from "../../src/model/trigger.js";
import { NatsBroker } from "../../src/triggers/queue/nats-broker.js";
import type { Delivery, Verdict } from "../../src/triggers/queue/queue-broker.js";
import { someName } from "../support/api-resources.js";
import { eventually } from "../support/harness.js";
import { aQueueTrigger } from "../unit/triggers/queue/builders.js";
import { describeNats, NatsServer } from "./nats-server.js";

const done: Verdict = { type: "DONE", followUps: [] };
const limits = { maxAgeMs: 3_600_000, maxBytes: 10_000_000 };

describeNats("NatsBroker", () => {
  let server: NatsServer;
  let connection: NatsConnection;
  let jsm: JetStreamManager;
  let brokers: NatsBroker[];
  let topic: string;
  beforeAll(async () => {
    server = await NatsServer.start();
  });
  beforeEach(async () => {
    [brokers, topic] = [[], `orders.${someName()}`];
    connection = await server.connect();
    jsm = await jetstreamManager(connection);
  });
  afterEach(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()));
    await connection.close();
  });
  afterAll(() => server.stop());

  function open(url = server.url, logger: Logger = silentLogger, credentialsFile: string | null = null): NatsBroker {
    const broker = new NatsBroker({ url, credentialsFile, limits, ackWaitMs: 1_000, clock: systemClock, logger });
    brokers.push(broker);
    return broker;
  }
  const aTrigger = (fields: Partial<QueueTrigger> = {}): QueueTrigger =>
    aQueueTrigger({ id: someName(), broker: "NATS", topic, ...fields });
  const troubles: (string | null)[] = [];

  /** Resolves when the server brings what is published from now on. */
  async function subscribe(
    broker: NatsBroker,
    trigger: QueueTrigger,
    handle: (delivery: Delivery) => Promise<Verdict> | Verdict,
  ): Promise<void> {
    let isServed = false;
    troubles.splice(0);
    broker.subscribe({
      trigger,
      handle: async (delivery) => handle(delivery),
      onTrouble: (reason) => {
        troubles.push(reason);
        isServed ||= reason === null;
      },
    });
    await eventually(async () => {
      const stream = await jsm.streams.find(trigger.topic);
      const consumers = await jsm.consumers.list(stream).next();
      expect(consumers.some(({ name }) => name.includes(trigger.id))).toBe(true);
    });
  }
  const publish = (body: string, named: Readonly<Record<string, string>> = {}, to = topic): Promise<unknown> => {
    const made = headers();
    for (const [name, value] of Object.entries(named)) made.set(name, value);
    return jetstream(connection).publish(to, body, { headers: made });
  };
  const textOf = ({ message, attempt }: Delivery): string => `${message.body.toString()} ${attempt}`;

  it("makes a stream for a topic that none has, bounded, and brings what is published from then on", async () => {
    const trigger = aTrigger();
    const seen: Delivery[] = [];
    await subscribe(open(), trigger, (delivery) => {
      seen.push(delivery);
      return done;
    });
    await publish("a", { "X-Fermi-Message-Key": "k%201", "X-Own": "1", "Nats-Msg-Id": "x" });
    await eventually(() => expect(seen).toHaveLength(1));
    const stream = await jsm.streams.find(topic);
    expect(seen[0]?.message).toEqual({
      ...{ id: `${stream}.1`, topic, key: "k 1", headers: { "x-own": "1" }, body: Buffer.from("a") },
    });
    const { config } = await jsm.streams.info(stream);
    expect(config).toMatchObject({ subjects: [topic], max_age: limits.maxAgeMs * 1e6, max_bytes: limits.maxBytes });
    await eventually(async () => expect(await brokers[0]?.backlog([trigger])).toEqual(new Map([[trigger.id, 0]])));
  });

  it("takes a stream that is there already as it is", async () => {
    await jsm.streams.add({ name: "EXISTING", subjects: ["existing.>"] });
    const seen: string[] = [];
    await subscribe(open(), aTrigger({ topic: "existing.a" }), (delivery) => {
      seen.push(textOf(delivery));
      return done;
    });
    await publish("a", {}, "existing.a");
    await publish("b", {}, "existing.b");
    await eventually(() => expect(seen).toEqual(["a 1"]));
    expect(await jsm.streams.find("existing.a")).toBe("EXISTING");
  });

  it("takes a work queue as it is: with what waits in it, each for one", async () => {
    const [stream, subject] = [`WORK${someName()}`, `work.${someName()}`];
    await jsm.streams.add({ name: stream, subjects: [subject], retention: RetentionPolicy.Workqueue });
    await publish("before", {}, subject);
    const seen: string[] = [];
    await subscribe(open(), aTrigger({ topic: subject }), (delivery) => {
      seen.push(textOf(delivery));
      return done;
    });
    await publish("after", {}, subject);
    await eventually(() => expect(seen).toEqual(["before 1", "after 1"]));
    await eventually(async () => expect((await jsm.streams.info(stream)).state.messages).toBe(0));
    const told: (string | null)[] = [];
    const onTrouble = (reason: string | null): void => void told.push(reason);
    open().subscribe({ trigger: aTrigger({ topic: subject }), handle: async () => done, onTrouble });
    await eventually(() => expect(told.at(-1)).toContain("not unique on workqueue stream"));
  });

  it("brings a message again after the pause, counting attempts, but not what was none", async () => {
    const seen: string[] = [];
    await subscribe(open(), aTrigger(), (delivery) => {
      seen.push(textOf(delivery));
      if (seen.length === 1) return { type: "AGAIN", afterMs: 10, isAttempt: false };
      return seen.length === 2 ? { type: "AGAIN", afterMs: 10, isAttempt: true } : done;
    });
    await publish("a");
    await eventually(() => expect(seen).toEqual(["a 1", "a 1", "a 2"]));
  });

  it("publishes what follows, with its key and headers, before it acknowledges", async () => {
    const [broker, answers] = [open(), `answers.${someName()}`];
    const seen: unknown[] = [];
    await subscribe(broker, aTrigger({ topic: answers }), ({ message: { key, headers: given, body } }) => {
      seen.push([key, given, body.toString()]);
      return done;
    });
    const followUp = { topic: answers, key: "kü", headers: { "content-type": "text/plain" }, body: Buffer.from("yes") };
    const trigger = aTrigger();
    await subscribe(broker, trigger, () => ({ type: "DONE", followUps: [followUp] }));
    await publish("a");
    await eventually(() => expect(seen).toEqual([["kü", { "content-type": "text/plain" }, "yes"]]));
    await eventually(async () => expect(await broker.backlog([trigger])).toEqual(new Map([[trigger.id, 0]])));
  });

  it("tries to publish what follows until it is there, and does not have the message handled again for that", async () => {
    const [broker, answers, trigger] = [open(), `answers.${someName()}`, aTrigger()];
    const stream = `FULL${someName()}`;
    await jsm.streams.add({ name: stream, subjects: [answers], max_msgs: 1, discard: DiscardPolicy.New });
    await publish("in the way", {}, answers);
    const seen: string[] = [];
    const followUp = { topic: answers, key: null, headers: {}, body: Buffer.from("yes") };
    await subscribe(broker, trigger, (delivery) => {
      seen.push(textOf(delivery));
      return { type: "DONE", followUps: [followUp] };
    });
    await publish("a");
    await eventually(() => expect(troubles.at(-1)).toContain(`can't be published to ${answers}: maximum messages`));
    await jsm.streams.purge(stream);
    await eventually(async () => expect(await broker.backlog([trigger])).toEqual(new Map([[trigger.id, 0]])));
    expect((await jsm.streams.getMessage(stream, { last_by_subj: answers }))?.string()).toBe("yes");
    expect([seen, troubles.at(-1)]).toEqual([["a 1"], null]);
  });

  it("gives a message up where what follows from it is larger than the server takes, and says so", async () => {
    const own = await NatsServer.start("max_payload: 8192\njetstream: enabled");
    const client = await own.connect();
    try {
      const [seen, lost, trigger, broker]: [Delivery[], string[], QueueTrigger, NatsBroker] = [
        ...([[], []] as [Delivery[], string[]]),
        ...([aTrigger(), open(own.url)] as [QueueTrigger, NatsBroker]),
      ];
      const followUp = { topic: "failed", key: null, headers: { "x-why": "no" }, body: Buffer.alloc(8_190, "x") };
      broker.subscribe({
        trigger,
        handle: async (delivery) => {
          seen.push(delivery);
          return { type: "DONE", followUps: [followUp] };
        },
        onTrouble: () => {},
        onLost: (reason) => void lost.push(reason),
      });
      await eventually(async () => {
        await jetstream(client).publish(topic, "a");
        expect(lost.length).toBeGreaterThan(0);
      });
      await eventually(async () => expect(await broker.backlog([trigger])).toEqual(new Map([[trigger.id, 0]])));
      expect(lost[0]).toMatch(/^What follows from a message can't be published to failed: .*max_payload/);
      expect(seen.map(({ attempt, answerBytes }) => [attempt, answerBytes])).toEqual(seen.map(() => [1, 4_096]));
    } finally {
      await client.close();
      await Promise.all(brokers.splice(0).map((each) => each.stop()));
      await own.stop();
    }
  });

  it("handles no more at a time than the trigger may, in several processes together, and each once", async () => {
    const trigger = aTrigger({ concurrency: 2 });
    const [seen, counts] = [new Set<string>(), { running: 0, most: 0 }];
    const handle = async (delivery: Delivery): Promise<Verdict> => {
      counts.most = Math.max(counts.most, ++counts.running);
      await new Promise(setImmediate);
      seen.add(textOf(delivery));
      counts.running--;
      return done;
    };
    await subscribe(open(), trigger, handle);
    await subscribe(open(), trigger, handle);
    for (let i = 0; i < 30; i++) await publish(String(i));
    await eventually(() => expect(seen.size).toBe(30));
    expect(counts.most).toBeLessThanOrEqual(2);
  });

  it("keeps a message for as long as it takes, longer than the server would wait", async () => {
    let end = (): void => {};
    const held = new Promise<void>((resolve) => (end = resolve));
    const seen: string[] = [];
    const [trigger, broker] = [aTrigger({ concurrency: 2 }), open()];
    await subscribe(broker, trigger, async (delivery) => {
      seen.push(textOf(delivery));
      if (textOf(delivery).startsWith("slow")) await held;
      return done;
    });
    await publish("slow");
    const until = performance.now() + 3_000;
    for (let i = 0; performance.now() < until; i++) await publish(`quick ${i}`);
    await eventually(async () => expect(await broker.backlog([trigger])).toEqual(new Map([[trigger.id, 1]])));
    expect(seen.filter((text) => text.startsWith("slow"))).toEqual(["slow 1"]);
    end();
    await eventually(async () => expect(await broker.backlog([trigger])).toEqual(new Map([[trigger.id, 0]])));
  });

  it("counts what waits, also what is being handled", async () => {
    const trigger = aTrigger();
    let end = (): void => {};
    const held = new Promise<void>((resolve) => (end = resolve));
    const broker = open();
    await subscribe(broker, trigger, () => held.then(() => done));
    for (const body of ["a", "b", "c"]) await publish(body);
    await eventually(async () => expect(await broker.backlog([trigger])).toEqual(new Map([[trigger.id, 3]])));
    end();
    await eventually(async () => expect(await broker.backlog([trigger])).toEqual(new Map([[trigger.id, 0]])));
  });

  it("goes on where it was: what was published while nobody was there is brought", async () => {
    const trigger = aTrigger();
    const first = open();
    await subscribe(first, trigger, () => done);
    await first.stop();
    await publish("meanwhile");
    const seen: string[] = [];
    await subscribe(open(), trigger, (delivery) => {
      seen.push(textOf(delivery));
      return done;
    });
    await eventually(() => expect(seen).toEqual(["meanwhile 1"]));
  });

  it("says that the server is away, and goes on by itself when it is back, losing nothing", async () => {
    const own = await NatsServer.start();
    try {
      const publisher = await own.connect();
      const trigger = aTrigger();
      const seen: string[] = [];
      const told: (string | null)[] = [];
      open(own.url).subscribe({
        trigger,
        handle: async (delivery) => {
          seen.push(delivery.message.body.toString());
          return done;
        },
        onTrouble: (reason) => void told.push(reason),
      });
      const js = jetstream(publisher);
      await eventually(async () => {
        await js.publish(topic, "before", { retries: 0 });
        expect(seen).toContain("before");
      });
      await own.kill();
      await eventually(() => expect(told.at(-1)).toBe(`NATS at 127.0.0.1:${own.port} can't be reached.`));
      await own.run();
      await eventually(() => expect(told.at(-1)).toBeNull(), 20_000);
      await eventually(() => js.publish(topic, "after", { retries: 0 }), 20_000);
      await eventually(() => expect(seen).toContain("after"), 20_000);
      await publisher.close();
    } finally {
      await own.stop();
    }
  });

  it("says that the server came back without JetStream, or without what it kept, and heals", async () => {
    const own = await NatsServer.start();
    try {
      const publisher = await own.connect();
      const js = jetstream(publisher);
      const [seen, told]: [string[], (string | null)[]] = [[], []];
      const handle = async ({ message }: Delivery): Promise<Verdict> => {
        seen.push(message.body.toString());
        return done;
      };
      open(own.url).subscribe({ trigger: aTrigger(), handle, onTrouble: (reason) => void told.push(reason) });
      const arrives = (text: string): Promise<void> =>
        eventually(async () => {
          await js.publish(topic, text, { retries: 0 });
          expect([seen.includes(text), told.at(-1)]).toEqual([true, null]);
        }, 30_000);
      await arrives("first");
      await own.kill();
      await own.run("debug: false");
      await eventually(() => expect(told.at(-1)).toBe("The NATS server has no JetStream: start it with -js."), 30_000);
      await own.kill();
      await own.run("jetstream: enabled");
      await arrives("second");
      await own.kill();
      await own.lose();
      await own.run();
      await arrives("third");
      await publisher.close();
    } finally {
      await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
      await own.stop();
    }
  });

  it("says that there is no server, without the credentials, and ends all the same", async () => {
    const own = await NatsServer.start();
    await own.stop();
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (...said: unknown[]) => void warnings.push(JSON.stringify(said)) };
    const told: (string | null)[] = [];
    const broker = open(`nats://user:verysecret@127.0.0.1:${own.port}`, logger);
    broker.subscribe({ trigger: aTrigger(), handle: async () => done, onTrouble: (reason) => void told.push(reason) });
    await eventually(() => expect(told.at(-1)).toBe(`NATS at 127.0.0.1:${own.port} can't be reached.`));
    await expect(broker.backlog([aTrigger()])).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
    await broker.stop();
    expect(warnings.join()).toContain("can't be reached");
    expect(warnings.join()).not.toContain("verysecret");
  });

  it("brings user and password along, and says so where they are not right", async () => {
    const own = await NatsServer.start('jetstream: enabled\nauthorization: { user: fermi, password: "s/cret" }');
    try {
      const told: (string | null)[] = [];
      const handle = async (): Promise<Verdict> => done;
      const onTrouble = (reason: string | null): void => void told.push(reason);
      open(`nats://fermi:wrong@127.0.0.1:${own.port}`).subscribe({ trigger: aTrigger(), handle, onTrouble });
      await eventually(() => expect(told.at(-1)).toBe(`NATS at 127.0.0.1:${own.port} refuses the credentials.`));
      const right = open(`nats://fermi:s%2Fcret@127.0.0.1:${own.port}`);
      expect(await right.backlog([aTrigger()])).toBeInstanceOf(Map);
      open(own.url, silentLogger, "/no/such/file").subscribe({ trigger: aTrigger(), handle, onTrouble });
      await eventually(() => expect(told).toContain("FERMI_NATS_CREDS_FILE can't be read."));
    } finally {
      await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
      await own.stop();
    }
  });

  it("says so where the server has no JetStream", async () => {
    const own = await NatsServer.start("debug: false");
    try {
      const told: (string | null)[] = [];
      open(own.url).subscribe({
        ...{ trigger: aTrigger(), handle: async () => done },
        onTrouble: (reason) => void told.push(reason),
      });
      await eventually(() => expect(told.at(-1)).toBe("The NATS server has no JetStream: start it with -js."));
    } finally {
      await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
      await own.stop();
    }
  });

  it("makes anew what somebody has removed", async () => {
    const seen: string[] = [];
    await subscribe(open(), aTrigger(), (delivery) => {
      seen.push(textOf(delivery));
      return done;
    });
    await jsm.streams.delete(await jsm.streams.find(topic));
    await eventually(async () => {
      await publish("after all");
      expect(seen).toContain("after all 1");
    }, 20_000);
  });

  it("removes the consumer of a trigger that is gone, and leaves the stream", async () => {
    const broker = open();
    const trigger = aTrigger();
    await subscribe(broker, trigger, () => done);
    await broker.stop();
    const other = open();
    await other.forget(trigger);
    await other.forget(trigger);
    const stream = await jsm.streams.find(topic);
    expect(await jsm.consumers.list(stream).next()).toEqual([]);
  });
});
