import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { tellBacklogs } from "../../src/app/backlog-metrics.js";
import { Metrics } from "../../src/app/metrics.js";
import { AppError } from "../../src/errors/app-error.js";
import { newId } from "../../src/lib/new-id.js";
import { AsyncInvocationRepository } from "../../src/store/repositories/async-invocation.repository.js";
import { AsyncWorkRepository } from "../../src/store/repositories/async-work.repository.js";
import { BacklogRepository, type Backlogs } from "../../src/store/repositories/backlog.repository.js";
import { TopicRepository } from "../../src/store/repositories/topic.repository.js";
import { TriggerRecordsRepository } from "../../src/store/repositories/trigger-records.repository.js";
import { FakeClock } from "../unit/poolmgr/support/fake-clock.js";
import { openServices, type Services } from "./support/open-services.js";
import { aMessage, queueTriggers } from "./support/queue-triggers.js";

describe("Metrics of what waits", () => {
  let services: Services;
  beforeAll(async () => {
    services = await openServices();
  });
  afterEach(async () => {
    await services.dataSource.query("TRUNCATE topic_message, topic_lane, topic_delivery, topic_room, async_invocation");
    await services.clear();
  });
  afterAll(() => services.close());

  const setUp = (options: { tells?: () => boolean; look?: () => Promise<Backlogs> } = {}) => {
    const metrics = new Metrics({
      ...{ pools: () => [], environmentName: () => undefined, functionName: () => undefined, waiting: () => 0 },
      elsewhere: () => Promise.resolve([]),
    });
    const clock = new FakeClock();
    const look = (): Promise<Backlogs> => new BacklogRepository(services.dataSource).look();
    tellBacklogs({ metrics, clock, look, tells: () => true, ...options });
    const page = async (): Promise<string[]> =>
      (await metrics.render()).body.split("\n").filter((line) => /^fermi_(async|queue|triggers)/.test(line));
    return { clock, page };
  };
  const enqueue = async (functionId: string, count: number, delaySeconds = 0): Promise<void> => {
    const given = Array.from({ length: count }, () => ({
      ...{ id: newId(), namespace: "default", functionId, version: null, currentVersion: 1 },
      ...{ source: "GRAPHQL" as const, triggerId: null, method: "POST", target: "/", headers: [], route: null },
      ...{ body: Buffer.from("body"), acceptedAt: new Date(), delaySeconds, maxAttempts: 3, idempotencyKey: null },
      ...{ onSuccess: null, onFailure: null, depth: 0, statusToken: "t".repeat(43) },
    }));
    await new AsyncInvocationRepository(services.dataSource).enqueue(given);
  };

  it("tell of asynchronous invocations that are due, and of those that are begun", async () => {
    const functionId = newId();
    const { page, clock } = setUp();
    expect(await page()).toEqual(expect.arrayContaining(["fermi_async_waiting 0", "fermi_async_begun 0"]));
    await enqueue(functionId, 5);
    await enqueue(functionId, 1, 3_600);
    await new AsyncWorkRepository(services.dataSource).lease([{ functionId, count: 2 }], 10_000);
    await services.dataSource.query("UPDATE async_invocation SET available_at = available_at - interval '90 s'");
    expect(await page()).toContain("fermi_async_waiting 0");
    await clock.pass(5_000);
    const told = await page();
    expect(told).toEqual(expect.arrayContaining(["fermi_async_waiting 3", "fermi_async_begun 2"]));
    const oldest = told.find((line) => line.startsWith("fermi_async_oldest_waiting_seconds "));
    expect(Number(oldest?.split(" ")[1])).toBeGreaterThanOrEqual(90);
  });

  it("tell how long the oldest is due, also where more are due than are counted", async () => {
    const [busy = "", other = ""] = [newId(), newId()].sort();
    await enqueue(busy, 5);
    await enqueue(other, 1);
    await services.dataSource.query(
      "UPDATE async_invocation SET available_at = available_at - interval '90 s' WHERE function_id = $1",
      [other],
    );
    const { async } = await new BacklogRepository(services.dataSource, 3).look();
    expect(async).toEqual({ waiting: 3, begun: 0, oldestSeconds: expect.closeTo(90, -2) });
  });

  it("tell of queue triggers' messages, and of triggers by their condition", async () => {
    const triggers = await queueTriggers(services);
    const [busy, idle] = [await triggers.create({ topic: "orders" }), await triggers.create({ topic: "others" })];
    await triggers.create({ topic: "orders", broker: "NATS" });
    await new TriggerRecordsRepository(services.dataSource).report([
      { triggerId: busy, condition: "FAILING", reason: "It fails.", since: new Date() },
    ]);
    const topics = new TopicRepository(services.dataSource);
    for (const key of ["a", "a", null]) await topics.publish(aMessage({ key }));
    const told = await setUp().page();
    expect(told.filter((line) => line.startsWith("fermi_queue_backlog")).sort()).toEqual(
      [
        `fermi_queue_backlog{namespace="default",trigger="q-${busy}"} 3`,
        `fermi_queue_backlog{namespace="default",trigger="q-${idle}"} 0`,
      ].sort(),
    );
    expect(told).toEqual(
      expect.arrayContaining([
        'fermi_triggers{kind="QUEUE",condition="FAILING"} 1',
        'fermi_triggers{kind="QUEUE",condition="UNKNOWN"} 2',
        'fermi_triggers{kind="TIME",condition="FAILING"} 0',
      ]),
    );
  });

  it("are not there where another process tells, nor while the store is away", async () => {
    expect(await setUp({ tells: () => false }).page()).toEqual([]);
    const look = (): Promise<Backlogs> => Promise.reject(new AppError("STORE_UNAVAILABLE", "It is away."));
    expect(await setUp({ look }).page()).toEqual([]);
  });
});
