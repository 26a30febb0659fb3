import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { systemClock } from "../../src/lib/clock.js";
import { newId } from "../../src/lib/new-id.js";
import { follow } from "../../src/lib/ordered-source.js";
import { InvocationQueries } from "../../src/invocations/invocation-queries.js";
import { LogQueries } from "../../src/logs/log-queries.js";
import { InvocationRepository } from "../../src/store/repositories/invocation.repository.js";
import { InvocationStatsRepository } from "../../src/store/repositories/invocation-stats.repository.js";
import { LogLineRepository } from "../../src/store/repositories/log-line.repository.js";
import { recordLocks } from "../../src/store/repositories/record-once.js";
import { Wakeups } from "../../src/store/wakeups.js";
import {
  insertFunction,
  invocation,
  logLine,
  recordDatabase,
  until,
  type RecordDatabase,
} from "./support/record-builders.js";

describe("The order of records", () => {
  let database: RecordDatabase;
  let wakeups: Wakeups;
  let lines: LogLineRepository;
  let invocations: InvocationRepository;
  let following: AbortController;

  beforeAll(async () => {
    database = await recordDatabase();
    wakeups = new Wakeups({ url: database.url });
    wakeups.start();
    lines = new LogLineRepository(database.dataSource);
    invocations = new InvocationRepository(database.dataSource);
  });
  afterEach(() => following.abort());
  afterAll(async () => {
    await wakeups.stop();
    await database.close();
  });

  const logQueries = (): LogQueries => new LogQueries(lines, { wait: (signal) => wakeups.wait("fermi_log", signal) });

  /** Several writers at once, each with lines of its own numbers; resolves when all is stored. */
  const hammer = async (functionId: string, writers: number, batches: number, batchLines: number): Promise<void> => {
    const write = async (writer: number): Promise<void> => {
      for (let batch = 0; batch < batches; batch++) {
        const batchOf = (_: unknown, index: number): string => `${writer}:${batch * batchLines + index}`;
        const messages = Array.from({ length: batchLines }, batchOf);
        await lines.write(
          messages.map((message) =>
            logLine({ functionId, message, stream: message.endsWith("7") ? "STDERR" : "STDOUT" }),
          ),
          newId(),
        );
      }
    };
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  };

  it("joins the tail and what comes live without gap or repeat while writers hammer", async () => {
    following = new AbortController();
    const functionId = await insertFunction(database.dataSource);
    const filter = { namespace: "default", functionId };
    const queries = logQueries();
    const total = 4 * 50 * 7 + 1;
    const subscribe = async (tail: number): Promise<{ tail: number; seen: string[] }> => {
      const begin = await queries.tail(filter, tail);
      const seen = begin.lines.map(({ id }) => id);
      for await (const { id, message } of follow(queries.source, filter, begin.position, following.signal)) {
        seen.push(id);
        if (message === "the end") break;
      }
      return { tail: begin.lines.length, seen };
    };
    const hammering = hammer(functionId, 4, 50, 7);
    // Subscribers come at different moments while it goes on.
    const subscribers = [];
    for (const tail of [0, 1, 10, 100, 5]) {
      await lines.latest();
      subscribers.push(subscribe(tail));
    }
    await hammering;
    await lines.write([logLine({ functionId, message: "the end" })], newId());
    const { items } = await lines.read("0", filter, 10_000);
    const all = items.map(({ id }) => id);
    expect(all).toHaveLength(total);
    for (const { tail, seen } of await Promise.all(subscribers)) {
      expect(seen.length).toBeGreaterThan(tail);
      expect(seen).toEqual(all.slice(-seen.length));
    }
  });

  it("lets a writer wait until the one that drew lower numbers has committed", async () => {
    following = new AbortController();
    const functionId = await insertFunction(database.dataSource);
    const position = await lines.latest();
    const slow = database.dataSource.createQueryRunner();
    await slow.startTransaction();
    await slow.query("SELECT pg_advisory_xact_lock($1)", [recordLocks.logLine]);
    await slow.query("SELECT nextval('log_line_seq')");
    let isWritten = false;
    const writing = lines.write([logLine({ functionId })], newId()).then(() => (isWritten = true));
    await until(async () => {
      const waiting: unknown[] = await slow.query(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return waiting.length > 0;
    }, "the second writer to wait");
    expect(isWritten).toBe(false);
    expect(await lines.latest()).toBe(position);
    await slow.commitTransaction();
    await slow.release();
    await writing;
    expect((await lines.read(position, { namespace: "default", functionId }, 10)).items).toHaveLength(1);
  });

  it("keeps the order of each writer's lines", async () => {
    following = new AbortController();
    const functionId = await insertFunction(database.dataSource);
    await hammer(functionId, 3, 10, 5);
    const { items } = await lines.read("0", { namespace: "default", functionId }, 1_000);
    for (const writer of [0, 1, 2]) {
      const own = items.map(({ message }) => message).filter((message) => message.startsWith(`${writer}:`));
      expect(own).toEqual(Array.from({ length: 50 }, (_, index) => `${writer}:${index}`));
    }
  });

  it("looks past what does not match, so that a rare match costs one reading", async () => {
    following = new AbortController();
    const functionId = await insertFunction(database.dataSource);
    const from = await lines.latest();
    await hammer(functionId, 1, 2, 10);
    const { items, position } = await lines.read(from, { namespace: "default", functionId, stream: "STDERR" }, 10);
    expect(items.map(({ message }) => message)).toEqual(["0:7", "0:17"]);
    expect(position).toBe(await lines.latest());
    const none = await lines.read(position, { namespace: "default" }, 10);
    expect(none).toEqual({ items: [], position });
  });

  it("stops at a full reading, where the next one goes on", async () => {
    following = new AbortController();
    const functionId = await insertFunction(database.dataSource);
    const filter = { namespace: "default", functionId };
    await hammer(functionId, 1, 1, 10);
    const first = await lines.read("0", filter, 4);
    expect(first.position).toBe(first.items.at(-1)?.id);
    const second = await lines.read(first.position, filter, 100);
    expect([...first.items, ...second.items].map(({ message }) => message)).toEqual(
      Array.from({ length: 10 }, (_, index) => `0:${index}`),
    );
  });

  it("never goes back, also when the newest lines are gone", async () => {
    following = new AbortController();
    const functionId = await insertFunction(database.dataSource);
    await hammer(functionId, 1, 1, 3);
    const position = await lines.latest();
    await database.dataSource.query("DELETE FROM log_line WHERE function_id = $1", [functionId]);
    expect(await lines.read(position, { namespace: "default" }, 10)).toEqual({ items: [], position });
  });

  it("wakes a follower at once, not after half a second", async () => {
    following = new AbortController();
    const functionId = await insertFunction(database.dataSource);
    const filter = { namespace: "default", functionId };
    const slow = new Wakeups({ url: database.url, floorMs: 60_000 });
    slow.start();
    const queries = new LogQueries(lines, { wait: (signal) => slow.wait("fermi_log", signal) });
    const { position } = await queries.tail(filter, 0);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { message } of follow(queries.source, filter, position, following.signal)) {
        seen.push(message);
        if (seen.length === 2) break;
      }
    })();
    await lines.write([logLine({ functionId, message: "one" })], newId());
    await lines.write([logLine({ functionId, message: "two" })], newId());
    await reading;
    await slow.stop();
    expect(seen).toEqual(["one", "two"]);
  });

  it("follows invocations in the order they were stored, whenever they were accepted", async () => {
    following = new AbortController();
    const functionId = newId();
    const counts = new InvocationStatsRepository(database.dataSource);
    const wakeup = { wait: (signal: AbortSignal) => wakeups.wait("fermi_invocation", signal) };
    const { source } = new InvocationQueries(invocations, counts, wakeup, systemClock);
    const position = await source.latest();
    const slow = invocation({ functionId, acceptedAt: new Date("2026-01-01T00:00:00Z") });
    const quick = invocation({ functionId, status: "FAILED" });
    const others = Array.from({ length: 5 }, () => invocation());
    const stored = [quick, ...others, slow];
    const ids: string[] = [];
    const reading = (async () => {
      for await (const { id } of follow(source, { functionId }, position, following.signal)) {
        ids.push(id);
        if (ids.length === 2) break;
      }
    })();
    for (const one of stored) {
      await invocations.write({ records: [{ invocation: one, namespace: "default" }], counts: [] }, newId());
    }
    await reading;
    expect(ids).toEqual([quick.id, slow.id]);
    const failed = await source.read(position, { functionId, statuses: ["FAILED"] }, 10);
    expect(failed.items).toEqual([quick]);
  });
});
