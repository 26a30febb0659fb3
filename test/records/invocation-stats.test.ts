import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { InvocationQueries } from "../../src/invocations/invocation-queries.js";
import { latencyBucket, latencyBucketCount } from "../../src/invocations/latency-histogram.js";
import { newId } from "../../src/lib/new-id.js";
import type { InvocationCounts } from "../../src/model/record-batch.js";
import { InvocationRepository } from "../../src/store/repositories/invocation.repository.js";
import { InvocationStatsRepository } from "../../src/store/repositories/invocation-stats.repository.js";
import { ManualClock, recordDatabase, type RecordDatabase } from "./support/record-builders.js";

describe("InvocationQueries.stats", () => {
  const now = new Date("2026-08-10T12:34:56.789Z");
  const secondsAgo = (seconds: number): Date =>
    new Date(Math.floor((now.getTime() - seconds * 1_000) / 10_000) * 10_000);
  let database: RecordDatabase;
  let queries: InvocationQueries;

  beforeAll(async () => {
    database = await recordDatabase();
    const { dataSource } = database;
    const wakeup = { wait: () => Promise.resolve() };
    const counts = new InvocationStatsRepository(dataSource);
    queries = new InvocationQueries(new InvocationRepository(dataSource), counts, wakeup, new ManualClock(now));
  });
  afterAll(() => database.close());

  const count = (functionId: string, from: Date, total: number, durationMs = 10): InvocationCounts => {
    const histogram = new Array<number>(latencyBucketCount).fill(0);
    histogram[latencyBucket(durationMs)] = total;
    return { functionId, from, total, failed: Math.floor(total / 2), coldStarts: total > 0 ? 1 : 0, histogram };
  };
  const store = (...counts: InvocationCounts[]): Promise<unknown> =>
    new InvocationRepository(database.dataSource).write({ records: [], counts }, newId());
  const totalOf = async (functionId: string, windowSeconds: number): Promise<number | undefined> =>
    (await queries.stats([functionId], windowSeconds)).get(functionId)?.total;

  it("is empty, with no percentiles, for a function that was never called", async () => {
    const id = newId();
    const none = { total: 0, failed: 0, coldStarts: 0, p50Ms: null, p95Ms: null, p99Ms: null };
    expect(await queries.stats([id], 3_600)).toEqual(new Map([[id, none]]));
  });

  it("adds up what several batches count in one span", async () => {
    const id = newId();
    await store(count(id, secondsAgo(60), 4), count(id, secondsAgo(60), 6));
    await store(count(id, secondsAgo(60), 10));
    const stats = (await queries.stats([id], 3_600)).get(id);
    expect(stats).toMatchObject({ total: 20, failed: 10, coldStarts: 3 });
  });

  it("rounds the window outwards to whole spans", async () => {
    const id = newId();
    // 12:34:56.789 less 60 s is 12:33:56.789, whose span begins at 12:33:50.
    await store(
      count(id, new Date("2026-08-10T12:33:40.000Z"), 1),
      count(id, new Date("2026-08-10T12:33:50.000Z"), 10),
      count(id, new Date("2026-08-10T12:34:50.000Z"), 100),
      count(id, new Date("2026-08-10T12:35:00.000Z"), 1_000),
    );
    expect(await totalOf(id, 60)).toBe(110);
    expect(await totalOf(id, 70)).toBe(111);
    expect(await totalOf(id, 1)).toBe(100);
  });

  it("counts nothing twice where whole hours and single spans meet", async () => {
    const id = newId();
    const spans = ["11:00:00", "11:59:50", "10:59:50", "10:00:00", "09:34:50", "09:34:40", "12:00:00", "12:34:50"];
    await store(...spans.map((time, index) => count(id, new Date(`2026-08-10T${time}.000Z`), 10 ** index)));
    // Three hours back begin at 09:34:50: all but the span before it.
    expect(await totalOf(id, 3 * 3_600)).toBe(11_011_111);
    expect(await totalOf(id, 24 * 3_600)).toBe(11_111_111);
    // Less than an hour, over the top of one.
    expect(await totalOf(id, 45 * 60)).toBe(11_000_010);
  });

  it("interpolates percentiles from all spans of the window", async () => {
    const id = newId();
    await store(
      count(id, secondsAgo(20), 90, 10),
      count(id, secondsAgo(4_000), 9, 200),
      count(id, secondsAgo(60), 1, 3_000),
    );
    const stats = (await queries.stats([id], 7_200)).get(id);
    // A bucket is 22 % wide.
    const off = (actual: number | null | undefined, expected: number): number =>
      Math.abs((actual ?? NaN) - expected) / expected;
    expect(off(stats?.p50Ms, 10)).toBeLessThan(0.23);
    expect(off(stats?.p95Ms, 200)).toBeLessThan(0.23);
    expect(off(stats?.p99Ms, 200)).toBeLessThan(0.23);
    expect(off((await queries.stats([id], 60)).get(id)?.p50Ms, 10)).toBeLessThan(0.23);
  });

  it("answers for many functions at once", async () => {
    const ids = Array.from({ length: 50 }, newId);
    await store(...ids.map((id, index) => count(id, secondsAgo(30), index + 1)));
    const stats = await queries.stats(ids, 3_600);
    expect(ids.map((id) => stats.get(id)?.total)).toEqual(ids.map((_, index) => index + 1));
  });
});
