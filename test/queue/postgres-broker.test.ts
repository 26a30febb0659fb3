/** The broker of the store, over a database of its own; two brokers are two processes. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../src/errors/app-error.js";
import { systemClock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import { TopicDeliveryRepository } from "../../src/store/repositories/topic-delivery.repository.js";
import { TopicRepository } from "../../src/store/repositories/topic.repository.js";
import { Wakeups } from "../../src/store/wakeups.js";
import { PostgresBroker } from "../../src/triggers/queue/postgres-broker.js";
import type { Consumer, Delivery, Verdict } from "../../src/triggers/queue/queue-broker.js";
import { openServices, type Services } from "../store/support/open-services.js";
import { aMessage, queueTriggers } from "../store/support/queue-triggers.js";
import { CuttingProxy } from "../records/support/cutting-proxy.js";
import { buildDataSource, type DataSource } from "../../src/store/data-source.js";
import { eventually } from "../support/harness.js";
import { aQueueTrigger } from "../unit/triggers/queue/builders.js";

const done: Verdict = { type: "DONE", followUps: [] };
const again = (afterMs: number): Verdict => ({ type: "AGAIN", afterMs, isAttempt: true });

describe("PostgresBroker", () => {
  let services: Services;
  let wakeups: Wakeups;
  let topics: TopicRepository;
  let triggers: Awaited<ReturnType<typeof queueTriggers>>;
  let brokers: PostgresBroker[];
  beforeAll(async () => {
    services = await openServices();
    wakeups = new Wakeups({ url: services.url });
    wakeups.start();
    topics = new TopicRepository(services.dataSource);
  });
  beforeEach(async () => {
    triggers = await queueTriggers(services);
    brokers = [];
  });
  afterEach(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()));
    await services.clear();
    await services.dataSource.query("TRUNCATE topic_message, topic_lane, topic_delivery, topic_room");
  });
  afterAll(async () => {
    await wakeups.stop();
    await services.close();
  });

  function open(
    leaseMs = 30_000,
    dataSource: DataSource = services.dataSource,
    deliveries = new TopicDeliveryRepository(dataSource),
  ): PostgresBroker {
    const broker = new PostgresBroker({
      deliveries,
      wait: (signal) => wakeups.wait("fermi_topic", signal),
      ...{ clock: systemClock, logger: silentLogger, leaseMs },
    });
    brokers.push(broker);
    return broker;
  }
  interface Options {
    readonly id: string;
    readonly concurrency?: number;
    readonly handle: (delivery: Delivery) => Promise<Verdict> | Verdict;
  }
  const subscribe = (broker: PostgresBroker, { id, concurrency = 1, handle }: Options): Consumer =>
    broker.subscribe({
      trigger: aQueueTrigger({ id, concurrency }),
      handle: async (delivery) => handle(delivery),
      onTrouble: () => {},
    });
  const publish = async (...messages: readonly (readonly [key: string | null, body: string])[]): Promise<void> => {
    for (const [key, body] of messages) await topics.publish(aMessage({ key, body }));
  };
  const textOf = ({ message }: Delivery): string => message.body.toString();
  const backlog = async (id: string): Promise<number | undefined> =>
    (await new TopicDeliveryRepository(services.dataSource).backlog([id])).get(id);

  async function leased(): Promise<number> {
    const sql = "SELECT count(*)::int AS count FROM topic_lane WHERE leased_until > now()";
    const [row]: { count: number }[] = await services.dataSource.query(sql);
    return row?.count ?? 0;
  }

  it("brings each message once where all goes well, a moment after it was published", async () => {
    const id = await triggers.create({ topic: "orders" });
    const seen: string[] = [];
    subscribe(open(), {
      id,
      concurrency: 3,
      handle: (delivery) => {
        seen.push(`${textOf(delivery)} ${delivery.attempt}`);
        return done;
      },
    });
    await publish([null, "a"], ["k", "b"], ["k", "c"]);
    await eventually(async () => expect(await backlog(id)).toBe(0));
    expect(seen.sort()).toEqual(["a 1", "b 1", "c 1"]);
  });

  it("brings one that failed again, holding back its key and nothing else", async () => {
    const id = await triggers.create({ topic: "orders" });
    const seen: string[] = [];
    await publish(["a", "a1"], ["a", "a2"], ["b", "b1"], ["b", "b2"]);
    subscribe(open(), {
      id,
      handle: (delivery) => {
        seen.push(textOf(delivery));
        return textOf(delivery) === "a1" && delivery.attempt < 3 ? again(1) : done;
      },
    });
    await eventually(async () => expect(await backlog(id)).toBe(0));
    expect(seen.filter((text) => text.startsWith("a"))).toEqual(["a1", "a1", "a1", "a2"]);
    expect(seen.filter((text) => text.startsWith("b"))).toEqual(["b1", "b2"]);
  });

  it("publishes what follows with the end of a message, for the topic's own triggers", async () => {
    const [id, next] = [await triggers.create({ topic: "orders" }), await triggers.create({ topic: "answers" })];
    const seen: unknown[] = [];
    const broker = open();
    const followUp = {
      topic: "answers",
      key: "k",
      headers: { "content-type": "text/plain" },
      body: Buffer.from("yes"),
    };
    subscribe(broker, { id, handle: () => ({ type: "DONE", followUps: [followUp] }) });
    subscribe(broker, {
      id: next,
      handle: ({ message: { key, headers, body } }) => {
        seen.push([key, headers, body.toString()]);
        return done;
      },
    });
    await publish(["k", "question"]);
    await eventually(() => expect(seen).toEqual([["k", { "content-type": "text/plain" }, "yes"]]));
  });

  it("keeps to the concurrency with several processes, and to the order of each key", async () => {
    const id = await triggers.create({ topic: "orders" });
    const seen = new Map<string, number[]>();
    const [running, most] = [new Set<string>(), { number: 0 }];
    const handle = async (delivery: Delivery): Promise<Verdict> => {
      const { key } = delivery.message;
      expect(running.has(String(key))).toBe(false);
      running.add(String(key));
      most.number = Math.max(most.number, running.size);
      await new Promise(setImmediate);
      seen.set(String(key), [...(seen.get(String(key)) ?? []), Number(textOf(delivery))]);
      running.delete(String(key));
      return done;
    };
    for (const broker of [open(), open(), open()]) subscribe(broker, { id, concurrency: 2, handle });
    const keys = ["a", "b", "c", "d"];
    await Promise.all(
      keys.map(async (key) => {
        for (let i = 0; i < 25; i++) await publish([key, String(i)]);
      }),
    );
    await eventually(async () => expect(await backlog(id)).toBe(0), 20_000);
    expect(most.number).toBeLessThanOrEqual(2);
    for (const key of keys) expect(seen.get(key)).toEqual(Array.from({ length: 25 }, (_, i) => i));
  });

  it("keeps a message for as long as it takes, beyond its lease", async () => {
    const id = await triggers.create({ topic: "orders" });
    let end = (): void => {};
    const held = new Promise<void>((resolve) => (end = resolve));
    const seen: string[] = [];
    const handle = async (delivery: Delivery): Promise<Verdict> => {
      seen.push(`${textOf(delivery)} ${delivery.attempt}`);
      if (seen.length === 1) await held;
      return done;
    };
    // Two keys at a time: others come through while the first is held for several leases.
    for (const broker of [open(300), open(300)]) subscribe(broker, { id, concurrency: 2, handle });
    await publish(["slow", "slow"]);
    await eventually(() => expect(seen).toEqual(["slow 1"]));
    const until = performance.now() + 1_500;
    for (let i = 0; performance.now() < until; i++) await publish(["quick", `q${i}`]);
    await eventually(async () => expect(await backlog(id)).toBe(1));
    expect(seen.filter((text) => text.startsWith("slow"))).toEqual(["slow 1"]);
    end();
    await eventually(async () => expect(await backlog(id)).toBe(0));
  });

  it("brings a message to another process where its own is gone, and hears no more of it from that", async () => {
    const id = await triggers.create({ topic: "orders" });
    const proxy = new CuttingProxy(new URL(services.url));
    const dataSource = await buildDataSource({ url: await proxy.start() }).initialize();
    const frozen = open(500, dataSource);
    let end = (): void => {};
    const held = new Promise<void>((resolve) => (end = resolve));
    const signals: AbortSignal[] = [];
    subscribe(frozen, {
      id,
      handle: async ({ signal }) => {
        signals.push(signal);
        await held;
        return { type: "DONE", followUps: [{ topic: "late", key: null, headers: {}, body: Buffer.from("") }] };
      },
    });
    await publish(["k", "1"], ["k", "2"]);
    await eventually(() => expect(signals).toHaveLength(1));
    proxy.close();
    const seen: string[] = [];
    subscribe(open(500), {
      id,
      handle: (delivery) => {
        seen.push(`${textOf(delivery)} ${delivery.attempt}`);
        return done;
      },
    });
    await eventually(() => expect(seen).toEqual(["1 2", "2 1"]));
    proxy.open();
    end();
    await eventually(async () => expect(await frozen.backlog([aQueueTrigger({ id })])).toEqual(new Map([[id, 0]])));
    await frozen.stop();
    const late: unknown[] = await services.dataSource.query("SELECT FROM topic_message WHERE topic = 'late'");
    expect(late).toEqual([]);
    await dataSource.destroy();
    await proxy.stop();
  });

  it("acknowledges when the store is back what was handled while it was away", async () => {
    const id = await triggers.create({ topic: "orders" });
    const proxy = new CuttingProxy(new URL(services.url));
    const dataSource = await buildDataSource({ url: await proxy.start() }).initialize();
    const broker = open(30_000, dataSource);
    let count = 0;
    subscribe(broker, {
      id,
      handle: () => {
        count++;
        proxy.close();
        return done;
      },
    });
    await publish([null, "1"]);
    await eventually(() => expect(count).toBe(1));
    await expect(dataSource.query("SELECT 1")).rejects.toThrow();
    proxy.open();
    await eventually(async () => expect(await backlog(id)).toBe(0), 20_000);
    expect(count).toBe(1);
    await broker.stop();
    await dataSource.destroy();
    await proxy.stop();
  });

  /** As a store that can be away. */
  class Deliveries extends TopicDeliveryRepository {
    isAway = false;
    constructor() {
      super(services.dataSource);
      for (const name of ["due", "claim", "renew", "finish", "postpone"] as const) {
        const method = this[name].bind(this) as (...args: unknown[]) => Promise<never>;
        this[name] = async (...args: unknown[]) => {
          if (this.isAway) throw new AppError("STORE_UNAVAILABLE", "away");
          return method(...args);
        };
      }
    }
  }
  /** Of the lane that a message with this key is in. */
  async function isLeased(key: string): Promise<boolean> {
    const sql = "SELECT leased_until > now() AS yes FROM topic_lane WHERE lane = $1";
    const [row]: { yes: boolean }[] = await services.dataSource.query(sql, [`k:${key}`]);
    return row?.yes === true;
  }

  it.each([
    ["keeps what it handles", 1],
    ["leaves to others what they handle", 2],
  ])("%s when the store is back after their leases have run out", async (_what, processes) => {
    const id = await triggers.create({ topic: "orders" });
    const seen: string[] = [];
    let end = (): void => {};
    const held = new Promise<void>((resolve) => (end = resolve));
    const handle = async (delivery: Delivery): Promise<Verdict> => {
      seen.push(`${textOf(delivery)} ${delivery.attempt}`);
      if (textOf(delivery) === "slow") await held;
      return done;
    };
    const all = Array.from({ length: processes }, () => new Deliveries());
    await publish(["slow", "slow"], ["slow", "next"]);
    for (const deliveries of all) {
      subscribe(open(900, services.dataSource, deliveries), { id, concurrency: 2, handle });
      await eventually(() => expect(seen).toEqual(["slow 1"]));
    }
    try {
      for (const deliveries of all) deliveries.isAway = true;
      await eventually(async () => expect(await isLeased("slow")).toBe(false));
      // The last one first: it has nothing of its own.
      for (const deliveries of all.toReversed()) {
        deliveries.isAway = false;
        await publish(["quick", "quick"]);
        await eventually(async () => expect(await backlog(id)).toBe(2));
      }
      await eventually(async () => expect(await isLeased("slow")).toBe(true));
    } finally {
      end();
    }
    await eventually(async () => expect(await backlog(id)).toBe(0));
    expect(seen.filter((text) => !text.startsWith("quick"))).toEqual(["slow 1", "next 1"]);
  });

  it("takes nothing new when it is stopped, though it is just looking, and ends when what it has is handled", async () => {
    const id = await triggers.create({ topic: "orders" });
    const deliveries = new TopicDeliveryRepository(services.dataSource);
    const { due } = deliveries;
    let isLooking = false;
    let end = (): void => {};
    const held = new Promise<void>((resolve) => (end = resolve));
    const seen: string[] = [];
    const broker = open(undefined, undefined, deliveries);
    subscribe(broker, {
      id,
      handle: async (delivery) => {
        seen.push(textOf(delivery));
        await held;
        return done;
      },
    });
    await publish([null, "1"]);
    await eventually(() => expect(seen).toEqual(["1"]));
    let looked = (): void => {};
    const look = new Promise<void>((resolve) => (looked = resolve));
    deliveries.due = async (ids) => {
      isLooking = true;
      await look;
      return due.call(deliveries, ids);
    };
    await publish([null, "2"]);
    await eventually(() => expect(isLooking).toBe(true));
    const stopped = broker.stop();
    end();
    await eventually(async () => expect(await backlog(id)).toBe(1));
    // While this is stored, the one before would have been claimed.
    await publish([null, "3"]);
    looked();
    await stopped;
    expect(seen).toEqual(["1"]);
    expect(await backlog(id)).toBe(2);
  });

  it("handles no more bytes at a time than it may, of all triggers together", async () => {
    const ids = [await triggers.create({ topic: "orders" }), await triggers.create({ topic: "orders" })];
    let end = (): void => {};
    const held = new Promise<void>((resolve) => (end = resolve));
    const seen: string[] = [];
    const broker = new PostgresBroker({
      deliveries: new TopicDeliveryRepository(services.dataSource),
      wait: (signal) => wakeups.wait("fermi_topic", signal),
      ...{ clock: systemClock, logger: silentLogger, maxBytes: 50_000 },
    });
    brokers.push(broker);
    const handle = async (delivery: Delivery): Promise<Verdict> => {
      seen.push(textOf(delivery));
      await held;
      return done;
    };
    await publish(...Array.from({ length: 20 }, () => [null, "x".repeat(10_000)] as const));
    for (const id of ids) subscribe(broker, { id, concurrency: 20, handle });
    try {
      await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(4));
      // Time enough for what else is due to be claimed.
      await publish([null, "last"]);
      await eventually(async () => expect(await leased()).toBe(seen.length));
      expect(seen.length).toBeLessThan(8);
    } finally {
      end();
    }
    for (const id of ids) await eventually(async () => expect(await backlog(id)).toBe(0), 20_000);
  });

  it("gives back at once what it has to abandon", async () => {
    const id = await triggers.create({ topic: "orders" });
    const broker = open();
    const attempts: number[] = [];
    const consumer = subscribe(broker, {
      id,
      handle: ({ attempt, signal }) =>
        new Promise((resolve) => {
          attempts.push(attempt);
          signal.addEventListener("abort", () => resolve({ type: "AGAIN", afterMs: 0, isAttempt: false }));
        }),
    });
    await publish([null, "1"]);
    await eventually(() => expect(attempts).toEqual([1]));
    const stopped = consumer.stop();
    consumer.abandon();
    await stopped;
    subscribe(open(), {
      id,
      handle: ({ attempt }) => {
        attempts.push(attempt);
        return done;
      },
    });
    await eventually(() => expect(attempts).toEqual([1, 1]));
  });
});
