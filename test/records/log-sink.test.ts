import { describe, expect, it } from "@jest/globals";
import type { WriteOutcome } from "../../src/lib/batch-writer.js";
import { logTag } from "../../src/lib/log-tag.js";
import { silentLogger } from "../../src/lib/logger.js";
import { newId } from "../../src/lib/new-id.js";
import type { LineBufferLimits } from "../../src/logs/line-buffer.js";
import { LogSink } from "../../src/logs/log-sink.js";
import type { InstanceIdentity } from "../../src/logs/parse-line.js";
import type { NewLogLine } from "../../src/model/log-line.js";
import { ManualClock, until } from "./support/record-builders.js";

interface SetUp {
  readonly write?: (batch: readonly NewLogLine[]) => Promise<WriteOutcome>;
  readonly limits?: LineBufferLimits;
}

function setUp({ write, limits }: SetUp = {}) {
  const clock = new ManualClock(new Date("2026-08-01T12:00:00.000Z"));
  const instances = new Map<string, InstanceIdentity>();
  const batches: (readonly NewLogLine[])[] = [];
  const told = { written: 0, dropped: [] as string[] };
  const sink = new LogSink({
    store: {
      write: async (batch) => {
        const outcome = (await write?.(batch)) ?? "WRITTEN";
        if (outcome === "WRITTEN") batches.push(batch);
        return outcome;
      },
    },
    identify: (instanceId) => instances.get(instanceId),
    metrics: {
      logLinesWritten: (count) => void (told.written += count),
      logLinesDropped: (count, reason) => void told.dropped.push(...new Array<string>(count).fill(reason)),
    },
    clock,
    logger: silentLogger,
    limits,
  });
  const specialize = (instanceId: string, functionId = newId()): InstanceIdentity => {
    const identity = { functionId, version: 2, key: `key of ${instanceId}` };
    instances.set(instanceId, identity);
    return identity;
  };
  const print = (instanceId: string, ...texts: string[]): void => {
    for (const text of texts) sink.accept({ instanceId, stream: "STDOUT", text, at: clock.now() });
  };
  const messages = (): string[] => batches.flat().map(({ message }) => message);
  return { clock, sink, instances, specialize, print, batches, messages, told };
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index}`);

describe("LogSink", () => {
  it("stores lines within a tenth of a second, in one batch, in order", async () => {
    const { clock, specialize, print, batches, messages, told } = setUp();
    const { functionId } = specialize("a");
    print("a", "one", "two");
    clock.advance(100);
    await until(() => told.written === 2, "the batch");
    expect(batches).toHaveLength(1);
    expect(messages()).toEqual(["one", "two"]);
    expect(batches[0]?.[0]).toMatchObject({ functionId, functionVersion: 2, instance: "a", stream: "STDOUT" });
  });

  it("ties a line to its invocation only with the tag of its own instance's key", async () => {
    const { sink, specialize, print, batches } = setUp();
    const invocationId = newId();
    const text = (key: string): string =>
      JSON.stringify({
        t: Date.parse("2026-08-01T12:00:00Z"),
        s: "stdout",
        i: invocationId,
        g: logTag(key, invocationId),
        m: "m",
      });
    const { key } = specialize("a");
    specialize("b");
    print("a", text(key));
    print("b", text(key));
    await sink.flush();
    expect(batches.flat().map((line) => line.invocationId)).toEqual([invocationId, null]);
  });

  it("drops and counts what instances print that belong to no function yet", async () => {
    const { sink, specialize, print, messages, told } = setUp();
    print("a", "while generic");
    specialize("a");
    print("a", "while it loads");
    await sink.flush();
    expect(messages()).toEqual(["while it loads"]);
    expect(told.dropped).toEqual(["no_function"]);
  });

  it("still knows the function of an instance that has just gone", async () => {
    const { sink, instances, specialize, print, messages } = setUp();
    specialize("a");
    print("a", "first");
    instances.clear();
    print("a", "last words");
    await sink.flush();
    expect(messages()).toEqual(["first", "last words"]);
  });

  it("remembers a bounded number of instances", async () => {
    const { sink, instances, specialize, print, told } = setUp({ limits: { maxLines: 1e5, maxBytes: 1e9 } });
    for (let index = 0; index < 4_097; index++) {
      specialize(`i${index}`);
      print(`i${index}`, "hello");
    }
    instances.clear();
    print("i0", "forgotten");
    print("i4096", "remembered");
    await sink.flush();
    expect(told).toEqual({ written: 4_098, dropped: ["no_function"] });
  });

  it("takes lines of Fermi's own, and cuts those that are too long", async () => {
    const { sink, batches } = setUp();
    const functionId = newId();
    sink.system(functionId, 3, "a", "x".repeat(100_000));
    await sink.flush();
    const [line] = batches.flat();
    expect(line).toMatchObject({ stream: "SYSTEM", functionId, functionVersion: 3, instance: "a", invocationId: null });
    expect(line?.message.length).toBeLessThanOrEqual(64 * 1024);
  });

  it("lets one function fill no more than half of the buffer, in lines or in bytes", async () => {
    for (const limits of [
      { maxLines: 100, maxBytes: 1e9 },
      { maxLines: 1e9, maxBytes: 100 * (200 + 2 * 7) },
    ]) {
      let isAway = true;
      const { clock, sink, specialize, print, told, messages } = setUp({
        write: () => (isAway ? Promise.reject(new Error("away")) : Promise.resolve("WRITTEN")),
        limits,
      });
      specialize("noisy");
      specialize("quiet");
      print("noisy", ...new Array<string>(80).fill("a noise"));
      print("quiet", "but I am here");
      expect(told.dropped).toHaveLength(30);
      isAway = false;
      const flushed = sink.flush();
      clock.advance(5_000);
      await flushed;
      expect(messages()).toContain("but I am here");
    }
  });

  it("keeps to its bound, and tells each function how many of its lines were dropped", async () => {
    const { clock, sink, specialize, print, batches, messages, told } = setUp({
      limits: { maxLines: 10, maxBytes: 1e6 },
    });
    const one = specialize("a");
    const two = specialize("b");
    print("a", ...numbered(8));
    print("b", ...numbered(6));
    expect(told.dropped).toEqual([...new Array<string>(4).fill("buffer_full")]);
    expect(sink.check()).toEqual({
      name: "log lines",
      ok: false,
      message:
        "Log lines were lost: 4 dropped since the start, the last 0 s ago, because more came than could be stored. " +
        "Let functions print less, or give the database more room. This check is well again a minute after the last loss.",
    });
    await sink.flush();
    expect(messages().slice(0, 10)).toEqual([...numbered(5), ...numbered(5)]);
    expect(batches.flat().slice(10)).toEqual([
      expect.objectContaining({
        stream: "SYSTEM",
        functionId: one.functionId,
        message: expect.stringMatching(/^3 log lines were/),
      }),
      expect.objectContaining({
        stream: "SYSTEM",
        functionId: two.functionId,
        message: expect.stringMatching(/^1 log line was/),
      }),
    ]);
    // All room is free again, and nothing is told twice.
    print("a", ...numbered(5));
    await sink.flush();
    expect(messages().slice(12)).toEqual(numbered(5));
    clock.advance(61_000);
    expect(sink.check()).toEqual({
      name: "log lines",
      ok: true,
      message: "Log lines are stored as they come, 4 dropped since the start.",
    });
  });

  it("writes at most 2,000 lines or 4 MiB a batch", async () => {
    const { sink, specialize, print, batches } = setUp({ limits: { maxLines: 1e5, maxBytes: 1e9 } });
    specialize("a");
    print("a", ...numbered(4_500));
    await sink.flush();
    expect(batches.map((batch) => batch.length)).toEqual([2_000, 2_000, 500]);
    print("a", ...new Array<string>(100).fill("x".repeat(60_000)));
    await sink.flush();
    expect(Math.max(...batches.slice(3).map((batch) => batch.length))).toBeLessThan(40);
    expect(batches.slice(3).flat()).toHaveLength(100);
  });

  it("gives up only the line that the store refuses", async () => {
    const { sink, specialize, print, messages, told } = setUp({
      write: (batch) => Promise.resolve(batch.some(({ message }) => message === "bad") ? "REFUSED" : "WRITTEN"),
    });
    specialize("a");
    print("a", "one", "two", "bad", "three");
    await sink.flush();
    expect(messages()).toEqual(["one", "two", "three"]);
    expect(told).toEqual({ written: 3, dropped: ["store"] });
  });

  it("says for how long the store has taken nothing, and that it is well again", async () => {
    let isAway = true;
    const { clock, sink, specialize, print } = setUp({
      write: () => (isAway ? Promise.reject(new Error("away")) : Promise.resolve("WRITTEN")),
    });
    specialize("a");
    print("a", "one");
    const flushed = sink.flush();
    for (let seconds = 0; seconds < 8; seconds++) {
      await until(() => clock.pending > 0, "the pause");
      clock.advance(1_000);
    }
    expect(sink.check().ok).toBe(false);
    expect(sink.check().message).toMatch(/taken no log lines for \d s: 1 wait, 0 dropped/);
    isAway = false;
    clock.advance(5_000);
    await flushed;
    expect(sink.check()).toMatchObject({ ok: true, message: expect.stringContaining("0 dropped") });
  });

  it("stops in bounded time with the store away, and counts what is lost", async () => {
    const { clock, sink, specialize, print, told } = setUp({ write: () => Promise.reject(new Error("away")) });
    specialize("a");
    print("a", ...numbered(3));
    const stopped = sink.stop(1_000);
    await until(() => clock.pending === 2, "the pause");
    clock.advance(1_000);
    await stopped;
    expect(told.dropped).toEqual(["store", "store", "store"]);
  });
});
