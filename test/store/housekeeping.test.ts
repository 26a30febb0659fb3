import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock, type Clock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import { newId } from "../../src/lib/new-id.js";
import { buildDataSource } from "../../src/store/data-source.js";
import { Housekeeping } from "../../src/store/housekeeping.js";
import { ctx, newEnvironment, newFunction, newTrigger, openServices, type Services } from "./support/open-services.js";

const hourMs = 3_600_000;

describe("Housekeeping", () => {
  let services: Services;
  let housekeeping: Housekeeping;
  let laterMs = 0;
  const clock: Clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + laterMs) };
  beforeAll(async () => {
    services = await openServices();
    const { dataSource } = services;
    housekeeping = new Housekeeping({ dataSource, clock, logger: silentLogger });
  });
  beforeEach(() => void (laterMs = 0));
  afterEach(async () => {
    await services.clear();
    await services.dataSource.query("TRUNCATE invocation, log_line");
  });
  afterAll(async () => {
    await housekeeping.stop();
    await services.close();
  });

  const tables = ["environment", "function", "function_version", "http_trigger"];
  const counts = async (): Promise<number[]> => {
    const union = tables.map((name) => `SELECT count(*)::int AS count FROM ${name}`).join(" UNION ALL ");
    const rows: { count: number }[] = await services.dataSource.query(union);
    return rows.map(({ count }) => count);
  };

  /** A function with a trigger, its environment with it, all deleted. */
  async function deleteAll(): Promise<string> {
    const environment = await services.environments.create(ctx, newEnvironment());
    const fn = await services.functions.create(ctx, newFunction());
    await services.triggers.createHttp(ctx, newTrigger());
    await services.functions.delete(ctx, fn, { deleteTriggers: true });
    await services.environments.delete(ctx, environment);
    return fn.id;
  }

  async function recordInvocation(functionId: string, triggerId: string | null = null): Promise<void> {
    await services.dataSource.query(
      `INSERT INTO invocation (seq, id, accepted_at, function_id, namespace, function_version, source, status, method,
        path, cold_start, attempts, request_bytes, response_bytes, trigger_id)
      VALUES (1, $1, now(), $2, 'default', 1, 'HTTP', 'SUCCEEDED', 'GET', '/', false, 1, 0, 0, $3)`,
      [newId(), functionId, triggerId],
    );
  }

  it("removes what was deleted and has no history, an hour later", async () => {
    await deleteAll();
    expect(await housekeeping.purgeDeleted()).toBe(0);
    expect(await counts()).toEqual([1, 1, 1, 1]);
    laterMs = hourMs + 1_000;
    expect(await housekeeping.purgeDeleted()).toBe(3);
    expect(await counts()).toEqual([0, 0, 0, 0]);
  });

  it("keeps what an invocation refers to until that has expired", async () => {
    const functionId = await deleteAll();
    const [trigger]: { id: string }[] = await services.dataSource.query("SELECT id FROM http_trigger");
    await recordInvocation(functionId, trigger?.id);
    laterMs = 24 * hourMs;
    expect(await housekeeping.purgeDeleted()).toBe(0);
    await services.dataSource.query("UPDATE invocation SET trigger_id = NULL");
    expect(await housekeeping.purgeDeleted()).toBe(1);
    expect(await counts()).toEqual([1, 1, 1, 0]);
    await services.dataSource.query("TRUNCATE invocation");
    expect(await housekeeping.purgeDeleted()).toBe(2);
  });

  const insertDeletedEnvironments = (count: number): Promise<unknown> =>
    services.dataSource.query(
      `INSERT INTO environment (id, namespace, name, revision, created_at, updated_at, deleted_at, image, contract,
        pool_size, resources, grace_period_seconds)
      SELECT gen_random_uuid(), 'default', 'e-' || n, 1, now(), now(), now(), 'fermi/nodejs', 'FERMI', 1, '{}', 30
      FROM generate_series(1, $1) AS n`,
      [count],
    );

  it("removes all there is at once, however many", async () => {
    await insertDeletedEnvironments(501);
    laterMs = hourMs + 1_000;
    expect(await housekeeping.purgeDeleted()).toBe(501);
  });

  it("removes what takes so long that many at once would be broken off", async () => {
    await insertDeletedEnvironments(40);
    laterMs = hourMs + 1_000;
    const dataSource = await buildDataSource({ url: services.url, statementTimeoutMs: 300 }).initialize();
    await dataSource.query(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN OLD; END $$;
      CREATE TRIGGER slow BEFORE DELETE ON environment FOR EACH ROW EXECUTE FUNCTION dawdle()`);
    expect(await new Housekeeping({ dataSource, clock, logger: silentLogger }).purgeDeleted()).toBe(40);
    await dataSource.query("DROP TRIGGER slow ON environment; DROP FUNCTION dawdle");
    await dataSource.destroy();
  });

  it("begins to remove nothing more once it is stopped, and says nothing of it", async () => {
    await insertDeletedEnvironments(1);
    laterMs = hourMs + 1_000;
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) };
    const stopped = new Housekeeping({ dataSource: services.dataSource, clock, logger });
    stopped.start();
    await stopped.stop();
    expect([(await counts())[0], warnings]).toEqual([1, []]);
  });

  it("keeps what a log line refers to", async () => {
    const functionId = await deleteAll();
    await services.dataSource.query(
      `INSERT INTO log_line (seq, at, stream, message, function_id, namespace, instance)
      VALUES (1, now(), 'STDOUT', 'hi', $1, 'default', 'i-1')`,
      [functionId],
    );
    laterMs = 24 * hourMs;
    await housekeeping.purgeDeleted();
    expect(await counts()).toEqual([1, 1, 1, 0]);
  });

  it("leaves the living alone", async () => {
    await services.environments.create(ctx, newEnvironment());
    await services.functions.create(ctx, newFunction());
    await services.triggers.createHttp(ctx, newTrigger());
    laterMs = 365 * 24 * hourMs;
    expect(await housekeeping.purgeDeleted()).toBe(0);
    expect(await counts()).toEqual([1, 1, 1, 1]);
  });

  it("removes changes that are a day old, but never the newest", async () => {
    await deleteAll();
    expect(await housekeeping.pruneChanges()).toBe(0);
    laterMs = 25 * hourMs;
    expect(await housekeeping.pruneChanges()).toBe(5);
    expect(await services.dataSource.query("SELECT 1 FROM change")).toHaveLength(1);
  });

  it("keeps the newest 100,000 changes only", async () => {
    await services.dataSource.query(
      `INSERT INTO change (at, kind, type, namespace, resource)
      SELECT now(), 'Environment', 'CREATED', 'default', '{}' FROM generate_series(1, 100010)`,
    );
    expect(await housekeeping.pruneChanges()).toBe(10);
  });

  it("runs by itself once it is started", async () => {
    await deleteAll();
    laterMs = hourMs + 1_000;
    housekeeping.start();
    while ((await counts()).some((count) => count > 0)) await new Promise((resolve) => setImmediate(resolve));
  });
});
