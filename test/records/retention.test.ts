import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../src/lib/logger.js";
import { newId } from "../../src/lib/new-id.js";
import { planLogTrim } from "../../src/logs/plan-log-trim.js";
import { Retention, type RecordStorage, type RetentionOptions } from "../../src/logs/retention.js";
import { latencyBucketCount } from "../../src/invocations/latency-histogram.js";
import { buildDataSource } from "../../src/store/data-source.js";
import { InvocationRepository } from "../../src/store/repositories/invocation.repository.js";
import { LogLineRepository } from "../../src/store/repositories/log-line.repository.js";
import { RecordPartitions } from "../../src/store/repositories/record-partitions.js";
import {
  insertAsyncInvocation,
  insertFunction,
  invocation,
  logLine,
  ManualClock,
  recordDatabase,
  until,
  type RecordDatabase,
} from "./support/record-builders.js";

const dayMs = 24 * 3_600_000;
const mib = 1024 * 1024;
const { signal: unbroken } = new AbortController();

describe("Retention", () => {
  let database: RecordDatabase;
  let functionId: string;
  const now = new Date("2026-08-10T12:00:00.000Z");
  const daysAgo = (days: number): Date => new Date(now.getTime() - days * dayMs);

  beforeAll(async () => {
    database = await recordDatabase();
    functionId = await insertFunction(database.dataSource);
  });
  beforeEach(async () => {
    const { dataSource } = database;
    for (const partition of await partitions()) {
      if (!partition.endsWith("_default")) await dataSource.query(`DROP TABLE ${partition}`);
    }
    await dataSource.query("TRUNCATE invocation, log_line, log_volume, invocation_stats, record_batch");
  });
  afterAll(() => database.close());

  const partitions = async (): Promise<string[]> => {
    const rows: { name: string }[] = await database.dataSource.query(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits
       WHERE inhparent IN ('invocation'::regclass, 'log_line'::regclass) ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };
  const rowsOf = async (table: string): Promise<number> => {
    const rows: { count: string }[] = await database.dataSource.query(`SELECT count(*) AS count FROM ${table}`);
    return Number(rows[0]?.count);
  };
  const recordAt = async (at: Date): Promise<void> => {
    const one = invocation({ functionId, acceptedAt: at });
    const histogram = new Array<number>(latencyBucketCount).fill(0);
    const counts = [{ functionId, from: at, total: 1, failed: 0, coldStarts: 0, histogram }];
    const records = [{ invocation: one, namespace: "default" }];
    const lines = [logLine({ functionId, at, message: "m" })];
    expect(await new InvocationRepository(database.dataSource).write({ records, counts }, newId())).toBe("WRITTEN");
    expect(await new LogLineRepository(database.dataSource).write(lines, newId())).toBe("WRITTEN");
  };
  const retention = (options: Partial<RetentionOptions> = {}): Retention =>
    new Retention({
      storage: new RecordPartitions(database.dataSource),
      clock: new ManualClock(now),
      logger: silentLogger,
      retentionDays: 7,
      logMaxBytes: 16 * mib,
      ...options,
    });
  const runOnce = async (options: Partial<RetentionOptions> = {}): Promise<void> => {
    const subject = retention(options);
    await subject.start();
    await subject.stop();
  };

  it("makes the partitions of yesterday to the day after tomorrow, with all indexes, once", async () => {
    await runOnce();
    await runOnce();
    const days = ["20260809", "20260810", "20260811", "20260812"];
    expect(await partitions()).toEqual([
      "invocation_default",
      ...days.map((day) => `invocation_p${day}`),
      "log_line_default",
      ...days.map((day) => `log_line_p${day}`),
    ]);
    const indexes: { table: string; count: string }[] = await database.dataSource.query(
      `SELECT DISTINCT count(*) AS count FROM pg_index WHERE indrelid::regclass::text LIKE 'invocation%_p2%'
       OR indrelid = 'invocation'::regclass GROUP BY indrelid`,
    );
    expect(indexes).toHaveLength(1);
  });

  it("moves what came before its partition was there, and loses nothing", async () => {
    await recordAt(now);
    await recordAt(daysAgo(-1));
    expect(await rowsOf("invocation_default")).toBe(2);
    await runOnce();
    expect([await rowsOf("invocation_default"), await rowsOf("log_line_default")]).toEqual([0, 0]);
    expect([await rowsOf("invocation_p20260810"), await rowsOf("log_line_p20260811")]).toEqual([1, 1]);
    expect([await rowsOf("invocation"), await rowsOf("log_line")]).toEqual([2, 2]);
  });

  it("drops what is older than it is kept for, in partitions or not, and keeps the rest", async () => {
    await runOnce({ clock: new ManualClock(daysAgo(9)) });
    for (const days of [20, 9, 8.2, 6.9, 0]) await recordAt(daysAgo(days));
    await database.dataSource.query(
      `UPDATE record_batch SET stored_at = now() - interval '3 days' WHERE id = (SELECT max(id::text)::uuid FROM record_batch)`,
    );
    await runOnce();
    expect([await rowsOf("invocation"), await rowsOf("log_line"), await rowsOf("log_volume")]).toEqual([2, 2, 2]);
    expect((await partitions())[1]).toBe("invocation_p20260803");
    const spans: { span_start: Date }[] = await database.dataSource.query(
      "SELECT DISTINCT span_start FROM invocation_stats WHERE span_seconds = 10",
    );
    expect(spans).toHaveLength(2);
    expect(await rowsOf("record_batch")).toBe(9);
  });

  it("removes what is old also where rows are so large that many at once would take too long", async () => {
    for (let rows = 0; rows < 110; rows++) await insertAsyncInvocation(database.dataSource, invocation());
    await database.dataSource.query(`UPDATE async_invocation SET state = 'DEAD', finished_at = $1`, [daysAgo(19)]);
    const dataSource = await buildDataSource({ url: database.url, statementTimeoutMs: 300 }).initialize();
    await dataSource.query(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(0.004); RETURN OLD; END $$;
      CREATE TRIGGER slow BEFORE DELETE ON async_invocation FOR EACH ROW EXECUTE FUNCTION dawdle()`);
    await new RecordPartitions(dataSource).dropBefore(daysAgo(7), unbroken);
    expect(await rowsOf("async_invocation")).toBe(0);
    await dataSource.query("DROP TRIGGER slow ON async_invocation; DROP FUNCTION dawdle");
    await dataSource.destroy();
  });

  it("ends at once when it is stopped, also in the middle of what may take minutes", async () => {
    const { dataSource } = database;
    await runOnce({ clock: new ManualClock(daysAgo(9)) });
    await dataSource.query(`CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_sleep(60); END $$`);
    await dataSource.query(
      "CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION slow()",
    );
    const subject = retention();
    const passed = subject.start();
    const dropping = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'DROP TABLE%'";
    await until(async () => (await dataSource.query<unknown[]>(dropping)).length > 0, "a day to be dropped");
    await subject.stop();
    await passed;
    await dataSource.query("DROP EVENT TRIGGER slow");
    await dataSource.query("DROP FUNCTION slow");
    expect(await dataSource.query(dropping)).toEqual([]);
  });

  it("lets records come while it drops and makes partitions", async () => {
    const done = new AbortController();
    let written = 0;
    const writing = (async () => {
      while (!done.signal.aborted) {
        await recordAt(daysAgo(written++ % 3));
      }
    })();
    await runOnce({ clock: new ManualClock(daysAgo(1)) });
    await runOnce();
    done.abort();
    await writing;
    expect(await rowsOf("invocation")).toBe(written);
  });

  /** Each row that is added to the table takes so long. */
  const slowDown = async (table: string, seconds: number): Promise<void> => {
    await database.dataSource.query(`CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN PERFORM pg_sleep(${seconds}); RETURN NEW; END $$`);
    await database.dataSource.query(
      `CREATE TRIGGER slow BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION dawdle()`,
    );
  };

  it("drops a day also where moving what is kept takes longer than any caller waits for the store", async () => {
    await runOnce({ clock: new ManualClock(daysAgo(9)) });
    const acceptedAt = daysAgo(9);
    const [old, kept] = [invocation({ functionId, acceptedAt }), invocation({ functionId, acceptedAt })];
    const records = [old, kept].map((one) => ({ invocation: one, namespace: "default" }));
    await new InvocationRepository(database.dataSource).write({ records, counts: [] }, newId());
    await insertAsyncInvocation(database.dataSource, kept);
    const impatient = await buildDataSource({ url: database.url, statementTimeoutMs: 700 }).initialize();
    await slowDown("invocation_default", 1.3);
    await new RecordPartitions(impatient).dropBefore(daysAgo(7), unbroken);
    await database.dataSource.query("DROP TRIGGER slow ON invocation_default");
    await impatient.destroy();
    expect(await partitions()).not.toContain("invocation_p20260801");
    const left: unknown[] = await database.dataSource.query("SELECT id FROM invocation");
    expect(left).toEqual([{ id: kept.id }]);
  });

  it("leaves more than can be moved in a moment in the default partition, and removes it from there", async () => {
    for (const days of [8.1, 8.2, 8.3]) await recordAt(daysAgo(days));
    const storage = new RecordPartitions(database.dataSource, 2);
    await storage.ensureDay("2026-08-02", unbroken);
    expect(await rowsOf("invocation_default")).toBe(3);
    expect(await partitions()).toHaveLength(2);
    await storage.dropBefore(daysAgo(7), unbroken);
    expect([await rowsOf("invocation"), await rowsOf("log_line")]).toEqual([0, 0]);
    await storage.ensureDay("2026-08-02", unbroken);
    expect(await partitions()).toHaveLength(4);
  });

  it("drops one table's days while another's are in use", async () => {
    await runOnce({ clock: new ManualClock(daysAgo(9)) });
    const reader = database.dataSource.createQueryRunner();
    await reader.startTransaction();
    await reader.query("SELECT FROM invocation");
    await expect(new RecordPartitions(database.dataSource).dropBefore(daysAgo(7), unbroken)).rejects.toThrow(
      /lock timeout/,
    );
    await reader.rollbackTransaction();
    await reader.release();
    expect(await partitions()).toContain("invocation_p20260801");
    expect(await partitions()).not.toContain("log_line_p20260801");
  });

  it("keeps log lines within their bound: oldest days first, then the oldest lines of today", async () => {
    await runOnce();
    const repository = new LogLineRepository(database.dataSource);
    const fill = async (at: Date, mibs: number): Promise<void> => {
      const message = "x".repeat(60 * 1024);
      const lines = Array.from({ length: Math.round((mibs * mib) / message.length) }, () =>
        logLine({ functionId, at, message }),
      );
      for (let from = 0; from < lines.length; from += 50) await repository.write(lines.slice(from, from + 50), newId());
    };
    await fill(daysAgo(1), 3);
    await fill(now, 6);
    const newest = await repository.latest();
    await runOnce({ logMaxBytes: 4 * mib });
    const bytes = (await new RecordPartitions(database.dataSource).logDays()).reduce((sum, day) => sum + day.bytes, 0);
    expect(bytes).toBeLessThanOrEqual(4 * mib);
    expect(bytes).toBeGreaterThan(3.5 * mib);
    expect(await rowsOf("log_line_p20260809")).toBe(0);
    expect(await repository.latest()).toBe(newest);
  });

  it("estimates what lines take about as the server does", async () => {
    await runOnce();
    const repository = new LogLineRepository(database.dataSource);
    const lines = Array.from({ length: 20_000 }, (_, index) =>
      logLine({ functionId, at: now, invocationId: newId(), message: `a line of a usual length, number ${index}` }),
    );
    for (let from = 0; from < lines.length; from += 2_000)
      await repository.write(lines.slice(from, from + 2_000), newId());
    const [real]: { bytes: string }[] = await database.dataSource.query(
      "SELECT pg_total_relation_size('log_line_p20260810') AS bytes",
    );
    const [estimated] = await new RecordPartitions(database.dataSource).logDays();
    const ratio = (estimated?.bytes ?? 0) / Number(real?.bytes);
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(1.5);
  });
});

describe("Retention's clock", () => {
  const setUp = (fail = { next: false }) => {
    const clock = new ManualClock(new Date("2026-08-10T23:30:00.000Z"));
    const calls: string[] = [];
    const storage: RecordStorage = {
      ensureDay: async (day) => {
        if (fail.next) throw new Error("away");
        calls.push(`ensure ${day}`);
      },
      dropBefore: async (cutoff) => void calls.push(`drop ${cutoff.toISOString()}`),
      logDays: async () => {
        calls.push("size");
        return [];
      },
      dropLogDay: () => Promise.resolve(),
      deleteOldestLogLines: () => Promise.resolve(),
    };
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, message: string) => void warnings.push(message) };
    const subject = new Retention({ storage, clock, logger, retentionDays: 7, logMaxBytes: 1 });
    const pass = async (ms: number): Promise<string[]> => {
      calls.length = 0;
      clock.advance(ms);
      await until(() => clock.pending === 1, "the next pass to be due");
      return [...calls];
    };
    return { clock, calls, subject, pass, warnings };
  };

  it("looks at sizes each minute, and at all else each hour", async () => {
    const { subject, pass, calls } = setUp();
    await subject.start();
    expect(calls).toContain("ensure 2026-08-10");
    for (let minute = 1; minute < 60; minute++) expect(await pass(60_000)).toEqual(["size"]);
    expect(await pass(60_000)).toEqual([
      "ensure 2026-08-10",
      "ensure 2026-08-11",
      "ensure 2026-08-12",
      "ensure 2026-08-13",
      "drop 2026-08-04T00:30:00.000Z",
      "size",
    ]);
    await subject.stop();
  });

  it("tries again a minute after a failure", async () => {
    const fail = { next: true };
    const { subject, pass, warnings } = setUp(fail);
    await subject.start();
    expect(warnings).toHaveLength(1);
    fail.next = false;
    expect(await pass(60_000)).toHaveLength(6);
    await subject.stop();
  });

  it("keeps sizes within their bound also while days can't be made or dropped", async () => {
    const fail = { next: true };
    const { subject, calls } = setUp(fail);
    await subject.start();
    expect(calls).toEqual(["drop 2026-08-03T23:30:00.000Z", "size"]);
    await subject.stop();
  });

  it("does nothing more once it is stopped", async () => {
    const { clock, subject } = setUp();
    await subject.start();
    await subject.stop();
    expect(clock.pending).toBe(0);
  });
});

describe("planLogTrim", () => {
  const days = [
    { day: "2026-08-02", bytes: 300 },
    { day: "2026-08-01", bytes: 100 },
    { day: "2026-08-03", bytes: 600 },
  ];

  it("does nothing within the bound", () => {
    expect(planLogTrim(days, 1_000)).toEqual([]);
    expect(planLogTrim([], 0)).toEqual([]);
  });

  it("deletes the oldest lines where that is enough", () => {
    expect(planLogTrim(days, 999)).toEqual([
      { do: "dropDay", day: "2026-08-01" },
      { do: "deleteOldest", day: "2026-08-02", bytes: 1 },
    ]);
  });

  it("drops whole days, oldest first, and of the last only what must go", () => {
    expect(planLogTrim(days, 500)).toEqual([
      { do: "dropDay", day: "2026-08-01" },
      { do: "dropDay", day: "2026-08-02" },
      { do: "deleteOldest", day: "2026-08-03", bytes: 150 },
    ]);
  });
});
