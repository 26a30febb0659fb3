import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { DataSource } from "typeorm";
import { BatchingRecorder, type RecorderMetrics } from "../../src/invocations/recorder.js";
import { systemClock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import { newId } from "../../src/lib/new-id.js";
import { LogSink } from "../../src/logs/log-sink.js";
import { buildDataSource } from "../../src/store/data-source.js";
import { InvocationRepository } from "../../src/store/repositories/invocation.repository.js";
import { LogLineRepository } from "../../src/store/repositories/log-line.repository.js";
import { recordLocks } from "../../src/store/repositories/record-once.js";
import { CuttingProxy } from "./support/cutting-proxy.js";
import { insertFunction, invocation, recordDatabase, until, type RecordDatabase } from "./support/record-builders.js";

const silentMetrics: RecorderMetrics = {
  invocation: () => {},
  inFlight: () => {},
  recordsWritten: () => {},
  recordsDropped: () => {},
  recordsSampledOut: () => {},
};
const of = { namespace: "default", functionName: "hello" };

describe("With the store away or slow", () => {
  let database: RecordDatabase;
  let proxy: CuttingProxy;
  let throughProxy: DataSource;

  beforeAll(async () => {
    database = await recordDatabase();
    proxy = new CuttingProxy(new URL(database.url));
    throughProxy = await buildDataSource({ url: await proxy.start(), poolSize: 4 }).initialize();
  });
  afterEach(() => {
    proxy.cutAnswerTo = undefined;
    proxy.open();
  });
  afterAll(async () => {
    await throughProxy.destroy();
    await proxy.stop();
    await database.close();
  });

  const recorder = (onTrouble = (): void => {}, store = throughProxy): BatchingRecorder =>
    new BatchingRecorder({
      store: new InvocationRepository(store),
      metrics: silentMetrics,
      clock: systemClock,
      logger: { ...silentLogger, warn: onTrouble },
      recordRate: 1e6,
    });
  const sink = (functionId: string, metrics = { logLinesWritten: () => {}, logLinesDropped: () => {} }): LogSink =>
    new LogSink({
      store: new LogLineRepository(throughProxy),
      identify: () => ({ functionId, version: 1, key: "key" }),
      metrics,
      clock: systemClock,
      logger: silentLogger,
      limits: { maxLines: 100, maxBytes: 1e6 },
    });
  const print = (to: LogSink, text: string): void =>
    to.accept({ instanceId: "i", stream: "STDOUT", text, at: new Date() });
  const messagesOf = async (functionId: string): Promise<string[]> => {
    const rows: { message: string }[] = await database.dataSource.query(
      "SELECT message FROM log_line WHERE function_id = $1 ORDER BY seq",
      [functionId],
    );
    return rows.map(({ message }) => message);
  };
  const storedOf = async (functionId: string): Promise<{ ids: string[]; total: number }> => {
    const rows: { id: string }[] = await database.dataSource.query(
      "SELECT id FROM invocation WHERE function_id = $1 ORDER BY seq",
      [functionId],
    );
    const [sum]: { total: string | null }[] = await database.dataSource.query(
      "SELECT sum(total) AS total FROM invocation_stats WHERE function_id = $1 AND span_seconds = 10",
      [functionId],
    );
    return { ids: rows.map(({ id }) => id), total: Number(sum?.total ?? 0) };
  };

  it("records wait, and are stored in order when it is back", async () => {
    const functionId = newId();
    let troubles = 0;
    const subject = recorder(() => troubles++);
    proxy.close();
    const all = Array.from({ length: 1_500 }, () => invocation({ functionId }));
    for (const one of all.slice(0, 1_200)) subject.record(one, of);
    await until(() => troubles === 1, "a batch that could not be written");
    proxy.open();
    for (const one of all.slice(1_200)) subject.record(one, of);
    await subject.stop();
    expect(await storedOf(functionId)).toEqual({ ids: all.map(({ id }) => id), total: 1_500 });
  });

  it("a batch is stored once though the connection is lost between commit and acknowledgment", async () => {
    const functionId = newId();
    const subject = recorder();
    let cuts = 0;
    proxy.cutAnswerTo = (chunk) => chunk.includes("INSERT INTO invocation") && ++cuts === 1;
    const all = Array.from({ length: 10 }, () => invocation({ functionId }));
    for (const one of all) subject.record(one, of);
    await subject.stop();
    expect(cuts).toBe(2);
    expect(await storedOf(functionId)).toEqual({ ids: all.map(({ id }) => id), total: 10 });
  });

  it("records gather while the database is slow, and are stored in order", async () => {
    const functionId = newId();
    await database.dataSource.query(`
      CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
      CREATE TRIGGER dawdle AFTER INSERT ON invocation FOR EACH STATEMENT EXECUTE FUNCTION dawdle()`);
    const batches = async (): Promise<number> =>
      (await database.dataSource.query<unknown[]>("SELECT FROM record_batch")).length;
    const before = await batches();
    const subject = recorder();
    const all: string[] = [];
    while ((await batches()) < before + 2) {
      const one = invocation({ functionId });
      subject.record(one, of);
      all.push(one.id);
    }
    await subject.stop();
    await database.dataSource.query("DROP FUNCTION dawdle CASCADE");
    expect(await storedOf(functionId)).toEqual({ ids: all, total: all.length });
  });

  it("a batch that the database has no time for is tried again until it is stored, once", async () => {
    const functionId = newId();
    const impatient = await buildDataSource({ url: database.url, poolSize: 2, statementTimeoutMs: 100 }).initialize();
    const blocker = database.dataSource.createQueryRunner();
    await blocker.query("SELECT pg_advisory_lock($1)", [recordLocks.invocation]);
    let troubles = 0;
    const subject = recorder(() => troubles++, impatient);
    const all = Array.from({ length: 20 }, () => invocation({ functionId }));
    for (const one of all.slice(0, 10)) subject.record(one, of);
    await until(() => troubles === 1, "a batch that was given up");
    for (const one of all.slice(10)) subject.record(one, of);
    await blocker.query("SELECT pg_advisory_unlock($1)", [recordLocks.invocation]);
    await blocker.release();
    await subject.stop();
    await impatient.destroy();
    expect(await storedOf(functionId)).toEqual({ ids: all.map(({ id }) => id), total: 20 });
  });

  it("log lines are stored once though the connection is lost between commit and acknowledgment", async () => {
    const functionId = await insertFunction(database.dataSource);
    const subject = sink(functionId);
    let cuts = 0;
    proxy.cutAnswerTo = (chunk) => chunk.includes("INSERT INTO log_line") && ++cuts === 1;
    for (const text of ["one", "two", "three"]) print(subject, text);
    await subject.stop();
    expect(cuts).toBe(2);
    expect(await messagesOf(functionId)).toEqual(["one", "two", "three"]);
  });

  it("log lines wait within the bound, and one line says how many were dropped", async () => {
    const functionId = await insertFunction(database.dataSource);
    const subject = sink(functionId);
    proxy.close();
    for (let index = 0; index < 80; index++) print(subject, `line ${index}`);
    expect(subject.check().message).toMatch(/30 dropped/);
    proxy.open();
    await subject.flush();
    print(subject, "afterwards");
    await subject.stop();
    const messages = await messagesOf(functionId);
    expect(messages.slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, index) => `line ${index}`));
    expect(messages.slice(50)).toEqual([expect.stringMatching(/^30 log lines were dropped here/), "afterwards"]);
  });
});
