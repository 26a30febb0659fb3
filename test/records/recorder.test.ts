import { describe, expect, it } from "@jest/globals";
import { BatchingRecorder, type RecorderMetrics, type RecordStore } from "../../src/invocations/recorder.js";
import type { WriteOutcome } from "../../src/lib/batch-writer.js";
import type { Logger } from "../../src/lib/logger.js";
import { silentLogger } from "../../src/lib/logger.js";
import { newId } from "../../src/lib/new-id.js";
import type { Invocation } from "../../src/model/invocation.js";
import type { RecordBatch } from "../../src/model/record-batch.js";
import { invocation, ManualClock, until } from "./support/record-builders.js";

const of = { namespace: "default", functionName: "hello" };

interface SetUp {
  readonly write?: (batch: RecordBatch) => Promise<WriteOutcome>;
  readonly recordRate?: number;
  readonly maxRecords?: number;
  readonly logger?: Logger;
  readonly metrics?: Partial<RecorderMetrics>;
}

function setUp({ write, recordRate = 1_000, maxRecords, logger = silentLogger, metrics = {} }: SetUp = {}) {
  const clock = new ManualClock();
  const batches: RecordBatch[] = [];
  const told = { ended: 0, inFlight: 0, written: 0, dropped: 0, sampledOut: 0 };
  const store: RecordStore = {
    write: async (batch) => {
      const outcome = (await write?.(batch)) ?? "WRITTEN";
      if (outcome === "WRITTEN") batches.push(batch);
      return outcome;
    },
  };
  const counting: RecorderMetrics = {
    invocation: () => (told.ended += 1),
    inFlight: (_, difference) => void (told.inFlight += difference),
    recordsWritten: (count) => void (told.written += count),
    recordsDropped: (count) => void (told.dropped += count),
    recordsSampledOut: (count) => void (told.sampledOut += count),
    ...metrics,
  };
  const recorder = new BatchingRecorder({ store, metrics: counting, clock, logger, recordRate, maxRecords });
  const record = (...all: Invocation[]): void => all.forEach((one) => recorder.record(one, of));
  const stored = (): string[] => batches.flatMap(({ records }) => records.map((one) => one.invocation.id));
  const total = (): number => batches.flatMap(({ counts }) => counts).reduce((sum, one) => sum + one.total, 0);
  return { clock, recorder, record, batches, stored, total, told };
}

const many = (count: number, fields: Partial<Invocation> = {}): Invocation[] =>
  Array.from({ length: count }, () => invocation(fields));

describe("BatchingRecorder", () => {
  it("stores what was recorded a moment later, in one batch, in order", async () => {
    const { clock, record, batches, stored, told } = setUp();
    const all = many(5);
    record(...all);
    clock.advance(200);
    await until(() => told.written === 5, "the batch");
    expect(batches).toHaveLength(1);
    expect(stored()).toEqual(all.map(({ id }) => id));
    expect(batches[0]?.records[0]?.namespace).toBe("default");
  });

  it("stores at most 1,000 records a batch, at once when that many wait", async () => {
    const { recorder, record, batches, told } = setUp({ recordRate: 10_000 });
    record(...many(2_500, { functionId: newId() }));
    await until(() => told.written >= 1_000, "the first batch");
    await recorder.flush();
    expect(batches.map(({ records }) => records.length)).toEqual([1_000, 1_000, 500]);
  });

  it("counts exactly by function and 10 seconds: total, failed, cold starts, latencies", async () => {
    const { recorder, record, batches } = setUp();
    const functionId = newId();
    const at = (time: string): { functionId: string; acceptedAt: Date } => ({
      functionId,
      acceptedAt: new Date(`2026-08-01T12:00:${time}Z`),
    });
    record(
      invocation({ ...at("00.000"), durationMs: 1 }),
      invocation({ ...at("09.999"), durationMs: 100, status: "FAILED" }),
      invocation({ ...at("05.000"), durationMs: 100, status: "TIMED_OUT", coldStart: true }),
      invocation({ ...at("05.000"), durationMs: null, status: "CANCELLED" }),
      invocation({ ...at("10.000"), durationMs: 1 }),
    );
    await recorder.flush();
    const [first, second, ...rest] = batches.flatMap(({ counts }) => counts);
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ functionId, from: at("00.000").acceptedAt, total: 4, failed: 2, coldStarts: 1 });
    expect(first?.histogram.filter((count) => count > 0)).toEqual([1, 1, 2]);
    expect(second).toMatchObject({ from: at("10.000").acceptedAt, total: 1, failed: 0, coldStarts: 0 });
  });

  it("samples warm successes beyond the rate, and records all others, counting every one", async () => {
    const { clock, recorder, record, stored, total, told } = setUp({ recordRate: 10 });
    const failed = many(50, { status: "FAILED" });
    const cold = many(50, { coldStart: true });
    const cancelled = many(50, { status: "CANCELLED" });
    for (let second = 0; second < 5; second++) {
      record(...many(1_000));
      clock.advance(1_000);
    }
    record(...failed, ...cold, ...cancelled);
    await recorder.flush();
    // A second's worth at once, and then ten each second.
    expect(stored()).toHaveLength(5 * 10 + 150);
    expect(stored()).toEqual(expect.arrayContaining([...failed, ...cold, ...cancelled].map(({ id }) => id)));
    expect(total()).toBe(5_150);
    expect(told).toMatchObject({ ended: 5_150, sampledOut: 4_950, dropped: 0 });
  });

  it("records no warm success one by one at a rate of zero", async () => {
    const { recorder, record, stored, total } = setUp({ recordRate: 0 });
    record(...many(3));
    await recorder.flush();
    expect(stored()).toEqual([]);
    expect(total()).toBe(3);
  });

  it("keeps what it has while the store is away, drops the newest beyond its bound, and says so", async () => {
    let isAway = true;
    const warnings: object[] = [];
    const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    const { clock, recorder, record, stored, total, told } = setUp({
      write: () => (isAway ? Promise.reject(new Error("away")) : Promise.resolve("WRITTEN")),
      maxRecords: 2_000,
      recordRate: 1e6,
      logger,
    });
    const all = many(2_500);
    record(...all);
    await until(() => warnings.length === 2, "the trouble");
    expect(recorder.check()).toMatchObject({ ok: false, message: expect.stringContaining("500 dropped") });
    // A second later nobody is told again.
    clock.advance(1_000);
    record(...many(5));
    clock.advance(5_000);
    await until(() => clock.pending > 0, "the pause");
    expect(warnings).toHaveLength(2);
    expect(recorder.check().message).toMatch(/taken no invocation records for 6 s: 2000 wait, 505 dropped/);

    isAway = false;
    const flushed = recorder.flush();
    clock.advance(5_000);
    await flushed;
    expect(stored()).toEqual(all.slice(0, 2_000).map(({ id }) => id));
    expect(total()).toBe(2_505);
    expect(told).toMatchObject({ written: 2_000, dropped: 505 });
    expect(recorder.check()).toMatchObject({ ok: false, message: expect.stringContaining("505 dropped") });
    clock.advance(61_000);
    expect(recorder.check()).toMatchObject({ name: "invocation records", ok: true });
  });

  it("keeps its counts exact and small however long the store is away", async () => {
    let isAway = true;
    const { clock, recorder, record, total, batches } = setUp({
      write: () => (isAway ? Promise.reject(new Error("away")) : Promise.resolve("WRITTEN")),
      maxRecords: 10,
    });
    const functionIds = [newId(), newId()];
    const spans = 8_000;
    for (let span = 0; span < spans; span++) {
      const acceptedAt = new Date(span * 10_000);
      record(...functionIds.map((functionId) => invocation({ functionId, acceptedAt })));
    }
    await until(() => clock.pending > 0, "the pause");
    isAway = false;
    const flushed = recorder.flush();
    clock.advance(5_000);
    await flushed;
    expect(total()).toBe(2 * spans);
    expect(batches.flatMap(({ counts }) => counts).length).toBeLessThanOrEqual(10_500);
  });

  it("gives up only the record that the store refuses", async () => {
    const { recorder, record, stored, total, told } = setUp({
      write: ({ records }) =>
        Promise.resolve(records.some(({ invocation: { path } }) => path === "/bad") ? "REFUSED" : "WRITTEN"),
    });
    const good = many(6);
    record(...good.slice(0, 3), invocation({ path: "/bad" }), ...good.slice(3));
    await recorder.flush();
    expect(stored()).toEqual(good.map(({ id }) => id));
    expect(total()).toBe(7);
    expect(told).toMatchObject({ written: 6, dropped: 1 });
  });

  it("stores all when it is stopped", async () => {
    const { recorder, record, stored } = setUp();
    record(...many(3));
    await recorder.stop();
    expect(stored()).toHaveLength(3);
  });

  it("stops in bounded time with the store away, and counts what is lost", async () => {
    const { clock, recorder, record, told } = setUp({ write: () => Promise.reject(new Error("away")) });
    record(...many(3));
    const stopped = recorder.stop(5_000);
    await until(() => clock.pending === 2, "the pause");
    clock.advance(5_000);
    await stopped;
    expect(told).toMatchObject({ written: 0, dropped: 3 });
  });

  it("never throws, and counts what it could not record", () => {
    const errors: string[] = [];
    const { record, told } = setUp({
      metrics: {
        invocation: () => {
          throw new Error("broken");
        },
      },
      logger: { ...silentLogger, error: (_, message) => void errors.push(message) },
    });
    record(invocation());
    expect(told.dropped).toBe(1);
    expect(errors).toEqual(["an invocation could not be recorded"]);
  });

  it("passes on how many requests are in flight", () => {
    const { recorder, told } = setUp();
    for (const difference of [1, 1, -1] as const) recorder.inFlight("f", difference);
    expect(told.inFlight).toBe(1);
  });

  it("takes 100,000 records with the store away in little memory", async () => {
    const { clock, recorder, told } = setUp({ write: () => Promise.reject(new Error("away")), recordRate: 1e6 });
    const functionId = newId();
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 100_000; index++) {
      recorder.record(invocation({ functionId, id: `id ${index}`, status: "FAILED" }), of);
    }
    const grownMib = (process.memoryUsage().heapUsed - before) / 1024 / 1024;
    expect(told.dropped).toBe(50_000);
    expect(grownMib).toBeLessThan(80);
    const stopped = recorder.stop(0);
    await until(() => clock.pending > 0, "the pause");
    clock.advance(1);
    await stopped;
    expect(told.dropped).toBe(100_000);
  });
});
