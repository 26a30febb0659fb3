import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock, type Clock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import { TopicDeliveryRepository } from "../../src/store/repositories/topic-delivery.repository.js";
import { TopicRepository } from "../../src/store/repositories/topic.repository.js";
import { TopicRetention } from "../../src/store/topic-retention.js";
import { openServices, type Services } from "./support/open-services.js";
import { aMessage, queueTriggers } from "./support/queue-triggers.js";

const hourMs = 3_600_000;

describe("TopicRetention", () => {
  let services: Services;
  let topics: TopicRepository;
  let deliveries: TopicDeliveryRepository;
  let triggers: Awaited<ReturnType<typeof queueTriggers>>;
  let laterMs = 0;
  const clock: Clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + laterMs) };
  beforeAll(async () => {
    services = await openServices();
    topics = new TopicRepository(services.dataSource);
    deliveries = new TopicDeliveryRepository(services.dataSource);
  });
  beforeEach(async () => {
    triggers = await queueTriggers(services);
    laterMs = 0;
  });
  afterEach(async () => {
    await services.clear();
    await services.dataSource.query("TRUNCATE topic_message, topic_lane, topic_delivery, topic_room");
  });
  afterAll(() => services.close());

  const retention = (maxBytes = 1_000_000): TopicRetention =>
    new TopicRetention({
      ...{ dataSource: services.dataSource, clock, logger: silentLogger, retentionMs: hourMs, maxBytes },
    });
  const count = async (table: string): Promise<number> => {
    const [row]: { count: number }[] = await services.dataSource.query(`SELECT count(*)::int AS count FROM ${table}`);
    return row?.count ?? 0;
  };
  const claim = (triggerId: string) => deliveries.claim({ triggerId, limit: 10, concurrency: 10, leaseMs: 30_000 });

  it("removes what is too old, handled or not, and keeps the rest in order", async () => {
    const id = await triggers.create({ topic: "orders" });
    for (const body of ["1", "2"]) await topics.publish(aMessage({ key: "k", body }));
    await topics.publish(aMessage({ topic: "nobody reads this" }));
    await services.dataSource.query("UPDATE topic_message SET published_at = now() - interval '2 hours'");
    await topics.publish(aMessage({ key: "k", body: "3" }));
    const [held] = await claim(id);
    expect(await retention().expire()).toEqual({ messages: 3, undelivered: 2 });
    if (held === undefined) throw new Error("nothing was claimed");
    expect(await deliveries.finish(held, [])).toBe(false);
    expect((await claim(id)).map(({ message }) => message.body.toString())).toEqual(["3"]);
    laterMs = 2 * hourMs;
    expect(await retention().expire()).toEqual({ messages: 1, undelivered: 1 });
    expect(await Promise.all(["topic_message", "topic_lane", "topic_delivery"].map(count))).toEqual([0, 0, 0]);
  });

  it("removes what triggers that are gone have not handled", async () => {
    const id = await triggers.create({ topic: "orders" });
    await topics.publish(aMessage());
    await triggers.delete(id);
    await retention().removeOrphans();
    expect(await Promise.all(["topic_message", "topic_lane", "topic_delivery"].map(count))).toEqual([1, 0, 0]);
  });

  it("makes room by what is handled, and refuses more while that is not enough", async () => {
    const body = "x".repeat(1_000);
    for (let i = 0; i < 5; i++) await topics.publish(aMessage({ topic: "handled", body }));
    const id = await triggers.create({ topic: "orders" });
    for (let i = 0; i < 3; i++) await topics.publish(aMessage({ body }));
    expect(await retention(4_000).measure()).toBeLessThan(4_000);
    expect(await count("topic_message")).toBe(3);
    await topics.publish(aMessage({ body }));
    await retention(4_000).measure();
    await expect(topics.publish(aMessage({ body }))).rejects.toMatchObject({ code: "QUEUE_FULL" });
    for (const held of await claim(id)) await deliveries.finish(held, []);
    await retention(4_000).measure();
    await topics.publish(aMessage({ body }));
  });

  it("says so where the store is away, and tries again", async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) };
    const away = { query: () => Promise.reject(Object.assign(new Error("gone"), { code: "ECONNRESET" })) };
    const failing = new TopicRetention({
      ...{ dataSource: away as never, clock, logger, retentionMs: hourMs, maxBytes: 1, everyMs: 60_000 },
    });
    failing.start();
    await failing.stop();
    expect(warnings).toEqual(["messages of topics can't be kept within their bounds now; trying again"]);
  });
});
