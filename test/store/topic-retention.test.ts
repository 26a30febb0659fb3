import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock, type Clock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import { buildDataSource } from "../../src/store/data-source.js";
import { TopicDeliveryRepository } from "../../src/store/repositories/topic-delivery.repository.js";
import { TopicRepository } from "../../src/store/repositories/topic.repository.js";
import { TopicRetention } from "../../src/store/topic-retention.js";
import { TopicVolume } from "../../src/store/topic-volume.js";
import { FakeClock } from "../unit/poolmgr/support/fake-clock.js";
import { eventually } from "../support/harness.js";
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

  /** Many at once, each in a lane of its own, as they are after publishing. */
  const publishMany = async (triggerId: string, messages: number): Promise<void> => {
    await services.dataSource.query(
      `WITH message AS (
        INSERT INTO topic_message (id, namespace, topic, headers, body, size_bytes, published_at)
        SELECT gen_random_uuid(), 'default', 'orders', '{"content-type": "text/plain"}', 'a message', 40, now()
        FROM generate_series(1, $2) RETURNING seq
      ), lane AS (
        INSERT INTO topic_lane SELECT $1, 'm:' || seq, 1, 0, now() FROM message
      ) INSERT INTO topic_delivery SELECT $1, 'm:' || seq, seq, 0 FROM message`,
      [triggerId, messages],
    );
  };

  it("removes them a few at a time, however many there are", async () => {
    const { dataSource } = services;
    const id = await triggers.create({ topic: "orders" });
    await publishMany(id, 1_200);
    await triggers.delete(id);
    await dataSource.query(`CREATE TABLE removal (count integer);
      CREATE OR REPLACE FUNCTION note_removal() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN INSERT INTO removal SELECT count(*) FROM gone; RETURN NULL; END $$;
      CREATE TRIGGER noted AFTER DELETE ON topic_delivery REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION note_removal()`);
    await retention().removeOrphans();
    const removals: unknown[] = await dataSource.query("SELECT count FROM removal");
    await dataSource.query("DROP TRIGGER noted ON topic_delivery; DROP TABLE removal");
    expect(removals).toEqual([500, 500, 200].map((count) => ({ count })));
    expect(await count("topic_lane")).toBe(0);
  });

  it("removes them also where they are so large that many at once would take too long", async () => {
    const id = await triggers.create({ topic: "orders" });
    await publishMany(id, 60);
    await services.dataSource.query(
      "DELETE FROM topic_delivery WHERE seq > (SELECT min(seq) + 29 FROM topic_delivery)",
    );
    const dataSource = await buildDataSource({ url: services.url, statementTimeoutMs: 300 }).initialize();
    await dataSource.query(`CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(0.012); RETURN OLD; END $$;
      CREATE TRIGGER slow BEFORE DELETE ON topic_message FOR EACH ROW EXECUTE FUNCTION dawdle()`);
    const subject = new TopicRetention({ dataSource, clock, logger: silentLogger, retentionMs: hourMs, maxBytes: 1 });
    await subject.measure();
    expect(await count("topic_message")).toBe(30);
    laterMs = 2 * hourMs;
    expect(await subject.expire()).toEqual({ messages: 30, undelivered: 30 });
    await dataSource.query("DROP TRIGGER slow ON topic_message");
    await dataSource.destroy();
  });

  it("stops after the few that it is removing, and says nothing of it", async () => {
    const { dataSource } = services;
    const id = await triggers.create({ topic: "orders" });
    await publishMany(id, 1_200);
    await triggers.delete(id);
    await dataSource.query(`CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$;
      CREATE TRIGGER slow AFTER DELETE ON topic_delivery FOR EACH STATEMENT EXECUTE FUNCTION dawdle()`);
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) };
    const subject = new TopicRetention({ dataSource, clock, logger, retentionMs: hourMs, maxBytes: 1 });
    subject.start();
    await subject.stop();
    await dataSource.query("DROP TRIGGER slow ON topic_delivery");
    expect([await count("topic_delivery"), warnings]).toEqual([700, []]);
  });

  it("removes what is too old, and says how much room is taken, also where something keeps it from the rest", async () => {
    const { dataSource } = services;
    await triggers.delete(await triggers.create({ topic: "orders" }));
    await dataSource.query(
      "INSERT INTO topic_lane SELECT id, 'm:1', 1, 0, now() FROM queue_trigger WHERE deleted_at IS NOT NULL",
    );
    await topics.publish(aMessage());
    await dataSource.query(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
      CREATE TRIGGER refused BEFORE DELETE ON topic_lane FOR EACH ROW EXECUTE FUNCTION refuse()`);
    laterMs = 2 * hourMs;
    const subject = retention();
    subject.start();
    await eventually(async () => {
      expect(await Promise.all(["topic_message", "topic_room"].map(count))).toEqual([0, 1]);
    });
    await subject.stop();
    await dataSource.query("DROP TRIGGER refused ON topic_lane");
  });

  it("estimates what messages take about as the server does", async () => {
    const tables = ["topic_message", "topic_lane", "topic_delivery"];
    await publishMany(await triggers.create({ topic: "orders" }), 10_000);
    const [real]: { bytes: string }[] = await services.dataSource.query(
      `SELECT ${tables.map((name) => `pg_total_relation_size('${name}')`).join(" + ")} AS bytes`,
    );
    const ratio = (await retention().measure()) / Number(real?.bytes);
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(1.5);
  });

  it("counts each message once, and anew each hour, however few are looked at together", async () => {
    const standing = new FakeClock();
    const { signal } = new AbortController();
    const volume = new TopicVolume(services.dataSource, standing, 3);
    const fresh = (): Promise<number> => new TopicVolume(services.dataSource, standing).measure(signal);
    const sizes = (where: string): Promise<{ seq: string; size_bytes: number }[]> =>
      services.dataSource.query(`SELECT seq, size_bytes FROM topic_message WHERE ${where}`);
    for (let i = 0; i < 7; i++) await topics.publish(aMessage());
    await services.dataSource.query("UPDATE topic_message SET published_at = now() - interval '1 minute'");
    await topics.publish(aMessage({ body: "is new" }));
    expect(await volume.measure(signal)).toBe(await fresh());
    const gone = await sizes("seq % 3 = 0");
    await services.dataSource.query("DELETE FROM topic_message WHERE seq % 3 = 0");
    volume.remove(gone);
    expect(await volume.measure(signal)).toBe(await fresh());
    const before = await volume.measure(signal);
    await services.dataSource.query(
      "UPDATE topic_message SET size_bytes = 0 WHERE published_at < now() - interval '30 s'",
    );
    expect(await volume.measure(signal)).toBe(before);
    await standing.pass(hourMs);
    expect(await volume.measure(signal)).toBe(await fresh());
  });

  it("finds what is handled behind many that wait", async () => {
    await publishMany(await triggers.create({ topic: "orders" }), 10_001);
    await topics.publish(aMessage({ topic: "handled" }));
    await retention(1).measure();
    expect(await count("topic_message")).toBe(10_001);
  });

  it("makes room by what is handled, and refuses more while that is not enough", async () => {
    const body = "x".repeat(1_000);
    for (let i = 0; i < 5; i++) await topics.publish(aMessage({ topic: "handled", body }));
    const id = await triggers.create({ topic: "orders" });
    for (let i = 0; i < 3; i++) await topics.publish(aMessage({ body }));
    expect(await retention(6_000).measure()).toBeLessThan(6_000);
    expect(await count("topic_message")).toBe(3);
    await topics.publish(aMessage({ body }));
    await retention(6_000).measure();
    await expect(topics.publish(aMessage({ body }))).rejects.toMatchObject({ code: "QUEUE_FULL" });
    for (const held of await claim(id)) await deliveries.finish(held, []);
    await retention(6_000).measure();
    await topics.publish(aMessage({ body }));
  });

  it("says so where the store is away, and tries again", async () => {
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) };
    const gone = () => Promise.reject(Object.assign(new Error("gone"), { code: "ECONNRESET" }));
    const away = { query: gone, transaction: gone };
    const failing = new TopicRetention({
      ...{ dataSource: away as never, clock, logger, retentionMs: hourMs, maxBytes: 1, everyMs: 60_000 },
    });
    failing.start();
    await eventually(() => expect(warnings.length).toBeGreaterThan(1));
    await failing.stop();
    expect(warnings[0]).toBe("messages of topics can't be kept within their bounds now; trying again");
  });
});
