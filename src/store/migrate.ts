import { setTimeout as delay } from "node:timers/promises";
import type { DataSource } from "typeorm";
import { AppError } from "../errors/app-error.js";
import { systemClock } from "../lib/clock.js";
import { silentLogger, type Logger } from "../lib/logger.js";
import { buildDataSource } from "./data-source.js";
import { isLockTimeout, isStoreUnavailable, storeUnavailable } from "./store-error.js";

export const oldestServer = 14;

/** Any number that nobody else uses in this database: several processes may start at once. */
const migrationLock = 6_626_070_15;

/** How a migration waits for a table that is in use, by a backup, say. */
interface LockPatience {
  /** Then it gives way: whoever wants the table after it, even only to read, waits behind it. */
  readonly lockTimeoutMs: number;
  readonly pauseMs: number;
  readonly withinMs: number;
}

const lockPatience: LockPatience = { lockTimeoutMs: 2_000, pauseMs: 4_000, withinMs: 60_000 };

/** Brings the schema up to date; refuses servers that are too old. Resolves to the names of what was run. */
export async function migrate(url: string, logger: Logger = silentLogger, patience = lockPatience): Promise<string[]> {
  const { lockTimeoutMs } = patience;
  // Statements of a migration may take long, so it has a connection of its own without the time limit.
  const limits = { statementTimeoutMs: 0, lockTimeoutMs };
  const dataSource = buildDataSource({ url, poolSize: 2, applicationName: "fermi-migrate", ...limits });
  try {
    await dataSource.initialize();
    await refuseOldServer(dataSource);
    return await migrateAlone(dataSource, logger, patience);
  } catch (error) {
    throw isStoreUnavailable(error) ? storeUnavailable(error) : error;
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

/**
 * Resolves when the store answers and has all that this program relies on; rejects with STORE_UNAVAILABLE, and says why,
 * where it does not yet. Of its own connection, which is closed in any case.
 */
export async function checkSchema(url: string): Promise<void> {
  const dataSource = buildDataSource({ url, poolSize: 1, applicationName: "fermi-check" });
  try {
    await dataSource.initialize();
    await refuseOldServer(dataSource);
    const { missing } = await compareMigrations(dataSource);
    if (missing > 0) throw new AppError("STORE_UNAVAILABLE", notMigrated(missing));
  } catch (error) {
    throw isStoreUnavailable(error) ? storeUnavailable(error) : error;
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

export const notMigrated = (missing: number): string =>
  `${missing} migrations were not run; run \`fermi migrate\` with this version of Fermi.`;

/** How many of the migrations that this program knows were not run, and how many were that it does not know. */
export async function compareMigrations(dataSource: DataSource): Promise<{ missing: number; unknown: number }> {
  const { known, done } = await migrationsOf(dataSource);
  return {
    missing: known.filter((name) => !done.has(name)).length,
    unknown: [...done].filter((name) => !known.includes(name)).length,
  };
}

async function migrationsOf(dataSource: DataSource): Promise<{ known: string[]; done: Set<string> }> {
  const [table]: { exists: boolean }[] = await dataSource.query(
    "SELECT to_regclass('migration') IS NOT NULL AS exists",
  );
  const rows: { name: string }[] = table?.exists === true ? await dataSource.query("SELECT name FROM migration") : [];
  const known = dataSource.migrations.map((migration) => migration.name ?? migration.constructor.name);
  return { known, done: new Set(rows.map(({ name }) => name)) };
}

async function migrateAlone(dataSource: DataSource, logger: Logger, patience: LockPatience): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    // Another one's migrations may take long.
    await runner.query("SET lock_timeout = 0");
    await runner.query("SELECT pg_advisory_lock($1)", [migrationLock]);
    const { known, done } = await migrationsOf(dataSource);
    await runPatiently(dataSource, logger, patience);
    await runner.query("SELECT pg_advisory_unlock($1)", [migrationLock]);
    return known.filter((name) => !done.has(name));
  } finally {
    await runner.release();
  }
}

async function runPatiently(dataSource: DataSource, logger: Logger, patience: LockPatience): Promise<void> {
  const { pauseMs, withinMs } = patience;
  const deadlineMs = systemClock.monotonicMs() + withinMs;
  for (let isFirst = true; ; isFirst = false) {
    try {
      await dataSource.runMigrations();
      return;
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      if (isFirst) logger.warn({}, "a table that is to be changed is in use, by a backup, say; waiting for it");
      if (systemClock.monotonicMs() > deadlineMs) throw new AppError("STORE_UNAVAILABLE", tableInUse);
      await delay(pauseMs);
    }
  }
}

const tableInUse =
  "a table that is to be changed is in use all the time, by a backup, say; try again when that has ended.";

async function refuseOldServer(dataSource: DataSource): Promise<void> {
  const major = await serverMajor(dataSource);
  if (major >= oldestServer) return;
  throw new AppError(
    "STORE_UNAVAILABLE",
    `the database server is PostgreSQL ${major}; Fermi needs PostgreSQL ${oldestServer} or newer`,
  );
}

export async function serverMajor(dataSource: DataSource): Promise<number> {
  const rows: { number: string }[] = await dataSource.query("SELECT current_setting('server_version_num') AS number");
  return Math.floor(Number(rows[0]?.number) / 10_000);
}
