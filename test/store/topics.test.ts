import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import {
  TopicDeliveryRepository,
  type ClaimedMessage,
} from "../../src/store/repositories/topic-delivery.repository.js";
import { TopicRepository } from "../../src/store/repositories/topic.repository.js";
import { eventually } from "../support/harness.js";
import { openServices, type Services } from "./support/open-services.js";
import { locksFirstFirst } from "./support/lock-order.js";
import { aMessage, queueTriggers } from "./support/queue-triggers.js";

const leaseMs = 30_000;

describe("Topics in the store", () => {
  let services: Services;
  let topics: TopicRepository;
  let deliveries: TopicDeliveryRepository;
  let triggers: Awaited<ReturnType<typeof queueTriggers>>;
  beforeAll(async () => {
    services = await openServices();
    topics = new TopicRepository(services.dataSource);
    deliveries = new TopicDeliveryRepository(services.dataSource);
  });
  beforeEach(async () => {
    triggers = await queueTriggers(services);
  });
  afterEach(async () => {
    await services.clear();
    await services.dataSource.query("TRUNCATE topic_message, topic_lane, topic_delivery, topic_room");
  });
  afterAll(() => services.close());

  const publish = async (...bodies: readonly (readonly [key: string | null, body: string])[]): Promise<void> => {
    for (const [key, body] of bodies) await topics.publish(aMessage({ key, body }));
  };
  const claim = (
    triggerId: string,
    limit = 10,
    options: { concurrency?: number; leaseMs?: number; maxBytes?: number } = {},
  ) => deliveries.claim({ triggerId, limit, concurrency: 10, leaseMs, ...options });
  const bodies = (claimed: readonly ClaimedMessage[]): string[] =>
    claimed.map(({ message }) => message.body.toString());
  const only = (claimed: readonly ClaimedMessage[]): ClaimedMessage => {
    expect(claimed).toHaveLength(1);
    return claimed[0] as ClaimedMessage;
  };
  const rows = async (table: string): Promise<number> => {
    const [row]: { count: number }[] = await services.dataSource.query(`SELECT count(*)::int AS count FROM ${table}`);
    return row?.count ?? 0;
  };

  it("are claimed up to a bound of bytes, and one in any case", async () => {
    const id = await triggers.create({ topic: "orders" });
    const large = "x".repeat(10_000);
    await publish([null, large], [null, large], [null, large], [null, large]);
    expect(await claim(id, 10, { maxBytes: 25_000 })).toHaveLength(2);
    expect(await claim(id, 10, { maxBytes: 1 })).toHaveLength(1);
    expect(await claim(id)).toHaveLength(1);
  });

  it("give every trigger of a topic each message, whole", async () => {
    const [a, b] = [await triggers.create({ topic: "orders" }), await triggers.create({ topic: "orders" })];
    const other = await triggers.create({ topic: "others" });
    await triggers.create({ topic: "orders", namespace: "elsewhere" });
    const nats = await triggers.create({ topic: "orders", broker: "NATS" });
    const message = aMessage({ key: "k", headers: { "content-type": "text/csv", "x-own": "1" } });
    await topics.publish(message);
    for (const id of [a, b]) {
      const claimed = only(await claim(id));
      expect(claimed.message).toEqual({ ...message, publishedAt: expect.any(Date) });
      expect(claimed.attempt).toBe(1);
    }
    expect(await claim(other)).toEqual([]);
    expect(await claim(nats)).toEqual([]);
    expect(await deliveries.backlog([a, b, other])).toEqual(new Map(Object.entries({ [a]: 1, [b]: 1, [other]: 0 })));
  });

  it("give a trigger nothing that was published before it was there, and nothing after it is gone", async () => {
    await publish([null, "early"]);
    const id = await triggers.create({ topic: "orders" });
    await publish([null, "in time"]);
    await triggers.delete(id);
    await publish([null, "late"]);
    expect(bodies(await claim(id))).toEqual(["in time"]);
  });

  it("hand out messages of one key one after another, in order, and those without a key beside each other", async () => {
    const id = await triggers.create({ topic: "orders" });
    await publish(["a", "a1"], [null, "x"], ["a", "a2"], ["b", "b1"], [null, "y"], ["a", "a3"]);
    const first = await claim(id);
    expect(bodies(first)).toEqual(["a1", "x", "b1", "y"]);
    expect(await claim(id)).toEqual([]);
    for (const next of ["a2", "a3"]) {
      const held = first.find(({ message }) => message.key === "a") as ClaimedMessage;
      expect(await deliveries.finish(held, [])).toBe(true);
      first.splice(first.indexOf(held), 1, only(await claim(id)));
      expect(bodies(first)).toContain(next);
    }
    for (const held of first) expect(await deliveries.finish(held, [])).toBe(true);
    expect(await Promise.all(["topic_lane", "topic_delivery", "topic_message"].map(rows))).toEqual([0, 0, 6]);
  });

  it("keep to a trigger's concurrency, whoever claims", async () => {
    const id = await triggers.create({ topic: "orders" });
    for (let i = 0; i < 10; i++) await publish([null, String(i)]);
    const claims = await Promise.all(Array.from({ length: 5 }, () => claim(id, 2, { concurrency: 3 })));
    expect(claims.flat()).toHaveLength(3);
    expect(new Set(bodies(claims.flat())).size).toBe(3);
    await deliveries.finish(claims.flat()[0] as ClaimedMessage, []);
    expect(await claim(id, 10, { concurrency: 3 })).toHaveLength(1);
  });

  it("take nothing from who has lost his lease", async () => {
    const id = await triggers.create({ topic: "orders" });
    await publish(["k", "1"]);
    const late = only(await claim(id, 1, { leaseMs: 1 }));
    const held = await eventually(async () => only(await claim(id)));
    expect(held.attempt).toBe(2);
    expect(await deliveries.finish(late, [aMessage({ topic: "answers" })])).toBe(false);
    expect(await deliveries.postpone(late, { pauseMs: 0, counts: true })).toBe(false);
    expect(await deliveries.renew([late, held], leaseMs)).toEqual(new Set([late.epoch]));
    expect(await rows("topic_message")).toBe(1);
    expect(await deliveries.finish(held, [])).toBe(true);
    expect(await deliveries.finish(held, [])).toBe(false);
  });

  it("do not take the next lane of a name for the one before", async () => {
    const id = await triggers.create({ topic: "orders" });
    await publish(["k", "1"]);
    const late = only(await claim(id, 1, { leaseMs: 1 }));
    const again = await eventually(async () => only(await claim(id)));
    await deliveries.finish(again, []);
    await publish(["k", "2"]);
    expect(await deliveries.finish(late, [])).toBe(false);
    const held = only(await claim(id));
    expect(await deliveries.finish(late, [])).toBe(false);
    expect(await deliveries.finish(held, [])).toBe(true);
  });

  it("publish what follows from a message together with its end", async () => {
    const id = await triggers.create({ topic: "orders" });
    const answers = await triggers.create({ topic: "answers" });
    await publish([null, "1"]);
    const held = only(await claim(id));
    expect(await deliveries.finish(held, [aMessage({ topic: "answers", body: "done" })])).toBe(true);
    expect(bodies(await claim(answers))).toEqual(["done"]);
  });

  it("hold back one key while its message waits, and no other", async () => {
    const id = await triggers.create({ topic: "orders" });
    await publish(["a", "a1"], ["a", "a2"], ["b", "b1"]);
    const [a1, b1] = (await claim(id)) as [ClaimedMessage, ClaimedMessage];
    await deliveries.postpone(a1, { pauseMs: 60_000, counts: true });
    await deliveries.finish(b1, []);
    await publish(["b", "b2"], ["a", "a3"]);
    expect(bodies(await claim(id))).toEqual(["b2"]);
    const due = await deliveries.due([id]);
    expect(due.get(id)).toBeGreaterThan(1_000);
  });

  it("count an attempt unless they are told not to", async () => {
    const id = await triggers.create({ topic: "orders" });
    await publish([null, "1"]);
    await deliveries.postpone(only(await claim(id)), { pauseMs: 0, counts: false });
    await deliveries.postpone(only(await claim(id)), { pauseMs: 0, counts: true });
    expect(only(await claim(id)).attempt).toBe(2);
  });

  it("say when something is due, of those triggers only that wait for something", async () => {
    const [id, idle] = [await triggers.create({ topic: "orders" }), await triggers.create({ topic: "idle" })];
    await publish([null, "1"]);
    expect(await deliveries.due([id, idle])).toEqual(new Map([[id, 0]]));
  });

  it("refuse a message while those that wait take up all the room", async () => {
    await triggers.create({ topic: "orders" });
    await services.dataSource.query("INSERT INTO topic_room VALUES (true, true, 1, now())");
    await expect(publish([null, "1"])).rejects.toMatchObject({ code: "QUEUE_FULL", retryAfterSeconds: 30 });
    expect(await rows("topic_message")).toBe(0);
  });

  it("publish what follows from a message also while there is no room: it makes some", async () => {
    const id = await triggers.create({ topic: "orders" });
    const answers = await triggers.create({ topic: "answers" });
    await publish([null, "1"]);
    const held = only(await claim(id));
    await services.dataSource.query("INSERT INTO topic_room VALUES (true, true, 1, now())");
    expect(await deliveries.finish(held, [aMessage({ topic: "answers", body: "done" })])).toBe(true);
    expect(bodies(await claim(answers))).toEqual(["done"]);
  });

  describe("are locked in one order", () => {
    const laneOf = (id: string): string => `SELECT FROM topic_lane WHERE trigger_id = '${id}'`;
    /** Triggers of two topics in the order of their ids, and a message of each, the second's claimed first. */
    const twoHeld = async (): Promise<{ rows: { first: string; second: string }; held: ClaimedMessage[] }> => {
      const topicOf = new Map<string, string>();
      for (const topic of ["orders", "answers"]) topicOf.set(await triggers.create({ topic }), topic);
      const [first = "", second = ""] = [...topicOf.keys()].sort();
      const held: ClaimedMessage[] = [];
      for (const id of [second, first]) {
        await topics.publish(aMessage({ topic: topicOf.get(id) ?? "", key: "k" }));
        held.push(only(await claim(id)));
      }
      return { rows: { first: laneOf(first), second: laneOf(second) }, held };
    };

    it("by who renews leases", async () => {
      const { rows, held } = await twoHeld();
      expect(await locksFirstFirst(services.dataSource, rows, () => deliveries.renew(held, leaseMs))).toBe(true);
    });

    it("by triggers that answer into each other's topics", async () => {
      const { rows, held } = await twoHeld();
      const [second, first] = held as [ClaimedMessage, ClaimedMessage];
      const answer = aMessage({ topic: first.message.topic, key: "k" });
      const finish = (): Promise<boolean> => deliveries.finish(second, [answer]);
      expect(await locksFirstFirst(services.dataSource, rows, finish)).toBe(true);
    });
  });

  it("lose no message and break no order while many publish and many handle", async () => {
    const id = await triggers.create({ topic: "orders" });
    const keys = ["a", "b", "c"];
    const each = 40;
    const handled = new Map<string, number[]>(keys.map((key) => [key, []]));
    const publishing = keys.map(async (key) => {
      for (let i = 0; i < each; i++) await publish([key, String(i)]);
    });
    const isOver = (): boolean => [...handled.values()].every((list) => list.length === each);
    const working = Array.from({ length: 4 }, async () => {
      while (!isOver()) {
        for (const held of await claim(id, 2)) {
          handled.get(held.message.key ?? "")?.push(Number(held.message.body.toString()));
          expect(await deliveries.finish(held, [])).toBe(true);
        }
      }
    });
    await Promise.all([...publishing, ...working]);
    const inOrder = Array.from({ length: each }, (_, i) => i);
    expect([...handled.values()]).toEqual(keys.map(() => inOrder));
    expect(await rows("topic_lane")).toBe(0);
  });
});
