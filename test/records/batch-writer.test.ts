import { describe, expect, it } from "@jest/globals";
import { BatchWriter, fillOf, type WriteOutcome } from "../../src/lib/batch-writer.js";
import { ManualClock, until } from "./support/record-builders.js";

/** A writer of numbers whose receiver does as it is told. */
function setUp(answer: (batch: number[], id: string) => Promise<WriteOutcome>, batchSize = 10) {
  const clock = new ManualClock();
  const buffer: number[] = [];
  const log = { written: [] as number[][], lost: [] as number[][], troubles: [] as unknown[], ids: [] as string[] };
  const writer = new BatchWriter<number[]>({
    clock,
    intervalMs: 200,
    fill: () => fillOf(buffer.length, batchSize),
    next: () => (buffer.length === 0 ? undefined : buffer.splice(0, batchSize)),
    write: (batch, id) => {
      log.ids.push(id);
      return answer(batch, id);
    },
    split: (batch) => (batch.length <= 1 ? [] : [batch.slice(0, 1), batch.slice(1)]),
    onWritten: (batch) => log.written.push(batch),
    onLost: (batch) => log.lost.push(batch),
    onTrouble: (cause) => log.troubles.push(cause),
  });
  const add = (...numbers: number[]): void => {
    buffer.push(...numbers);
    writer.wake();
  };
  return { clock, writer, log, add };
}

describe("BatchWriter", () => {
  const works = (): Promise<WriteOutcome> => Promise.resolve("WRITTEN");

  it("waits for company until the interval is over", async () => {
    const { clock, log, add } = setUp(works);
    add(1);
    add(2);
    clock.advance(199);
    expect(log.ids).toEqual([]);
    clock.advance(1);
    await until(() => log.written.length > 0, "a batch");
    expect(log.written).toEqual([[1, 2]]);
    expect(clock.pending).toBe(0);
  });

  it("does not wait where a batch is full", async () => {
    const { clock, log, add } = setUp(works, 2);
    add(1, 2, 3, 4, 5);
    await until(() => log.written.length === 2, "both full batches");
    expect(log.written).toEqual([
      [1, 2],
      [3, 4],
    ]);
    await until(() => clock.pending === 1, "the last one to wait");
  });

  it("lets what comes while it writes wait for company too", async () => {
    const { clock, log, add } = setUp(async (batch) => {
      // More keeps coming, a little at each batch.
      if (batch.includes(1)) add(2);
      else if (batch.includes(2)) add(3);
      return works();
    });
    add(1);
    for (const batches of [1, 2, 3]) {
      expect(log.written).toHaveLength(batches - 1);
      clock.advance(199);
      await new Promise((resolve) => setImmediate(resolve));
      expect(log.ids).toHaveLength(batches - 1);
      clock.advance(1);
      await until(() => log.written.length === batches && clock.pending === (batches < 3 ? 1 : 0), "the next batch");
    }
    expect(log.written).toEqual([[1], [2], [3]]);
  });

  it("forgets nothing that comes just when a round ends", async () => {
    // The second number comes at another step of the round's end each time.
    for (let steps = 0; steps < 20; steps++) {
      const { clock, writer, log, add } = setUp(works);
      add(1);
      const flushed = writer.flush();
      for (let step = 0; step < steps; step++) await Promise.resolve();
      add(2);
      await flushed;
      clock.advance(200);
      await until(() => log.written.flat().length === 2, `the second number, ${steps} steps later`);
    }
  });

  it("writes one batch at a time, in order", async () => {
    let running = 0;
    const { writer, log, add } = setUp(async () => {
      expect(++running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return "WRITTEN";
    }, 1);
    add(1, 2, 3);
    add(4);
    await writer.flush();
    expect(log.written).toEqual([[1], [2], [3], [4]]);
  });

  it("flushes what was there, and does not wait for what keeps coming", async () => {
    const { writer, log, add } = setUp(async (batch) => {
      // Each batch brings more than it takes away; without an end, were it not for the bound.
      const [first = 0] = batch;
      if (first < 1_000) add(first + 10, first + 11);
      return works();
    }, 2);
    add(1, 2, 3);
    await writer.flush();
    expect(log.written.slice(0, 2)).toEqual([[1, 2], [3]]);
    expect(log.written.length).toBeLessThan(5);
  });

  it("tries a batch again under its id, with growing pauses, before it goes on", async () => {
    let failures = 3;
    const { clock, writer, log, add } = setUp(() => (failures-- > 0 ? Promise.reject(new Error("away")) : works()), 1);
    add(1, 2);
    const pauses: number[] = [];
    for (let tries = 1; tries <= 3; tries++) {
      await until(() => log.ids.length === tries && clock.pending === 1, "the pause");
      let ms = 0;
      for (; clock.pending === 1; ms++) clock.advance(1);
      pauses.push(ms);
    }
    await writer.flush();
    expect(pauses).toEqual([100, 200, 400]);
    expect(log.written).toEqual([[1], [2]]);
    expect(new Set(log.ids.slice(0, 4)).size).toBe(1);
    expect(log.ids[4]).not.toBe(log.ids[0]);
  });

  it("reports the first failure and the recovery, and for how long it has failed", async () => {
    let isAway = true;
    const away = new Error("away");
    const { clock, writer, log, add } = setUp(() => (isAway ? Promise.reject(away) : works()));
    add(1);
    const done = writer.flush();
    for (const tries of [1, 2]) {
      await until(() => log.ids.length === tries && clock.pending === 1, "the pause");
      clock.advance(tries === 1 ? 100 : 150);
    }
    expect(log.troubles).toEqual([away]);
    expect(writer.failingMs).toBe(250);
    isAway = false;
    clock.advance(50);
    await done;
    expect(log.troubles).toEqual([away, undefined]);
    expect(writer.failingMs).toBe(0);
  });

  it("gives up only the part that is refused", async () => {
    const { writer, log, add } = setUp((batch) => Promise.resolve(batch.includes(3) ? "REFUSED" : "WRITTEN"));
    add(1, 2, 3, 4, 5);
    await writer.flush();
    expect(log.written.flat()).toEqual([1, 2, 4, 5]);
    expect(log.lost).toEqual([[3]]);
  });

  it("writes what is left when it is stopped", async () => {
    const { writer, log, add, clock } = setUp(works);
    add(1);
    await writer.stop(1_000);
    expect(log.written).toEqual([[1]]);
    add(2);
    expect(clock.pending).toBe(0);
  });

  it("gives up what is left when stopping takes too long, and says so", async () => {
    const { clock, writer, log, add } = setUp(() => Promise.reject(new Error("away")), 1);
    add(1, 2);
    const stopped = writer.stop(1_000);
    await until(() => log.ids.length === 1 && clock.pending === 2, "the pause");
    clock.advance(1_000);
    await stopped;
    expect(log.lost).toEqual([[1], [2]]);
    expect(log.written).toEqual([]);
  });
});
