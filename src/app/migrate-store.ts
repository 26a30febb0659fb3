/** `fermi migrate`: brings the tables up to this version, once per release, before or while servers run. */
import { setTimeout as delay } from "node:timers/promises";
import { readMigrateConfig } from "../config/read-config.js";
import { systemClock } from "../lib/clock.js";
import { AppError } from "../errors/app-error.js";
import { migrate } from "../store/migrate.js";
import { configOrUndefined } from "./config-or-undefined.js";
import { createLogger } from "./logger.js";
import { placeOf, reasonOf } from "./start-problem.js";

const usage = `Usage: fermi migrate [--database-url <value>]

Brings the tables of DATABASE_URL up to this version of Fermi and ends. Several may run at once: one does the work.
Servers of the version before go on meanwhile, as changes of the tables only ever add.
`;

/** A database that is only just starting is waited for. */
const storeWithinMs = 60_000;
const pauseMs = 1_000;

/** Exit codes: 0 up to date, 1 it could not be done, 2 wrong settings. */
export async function migrateStore(args: readonly string[], write: (text: string) => void): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) {
    write(usage);
    return;
  }
  const config = configOrUndefined(() => readMigrateConfig(args));
  if (config === undefined) return;
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  const deadlineMs = systemClock.monotonicMs() + storeWithinMs;
  try {
    const names = await untilReachable(() => migrate(config.databaseUrl, logger), deadlineMs);
    logger.info({ migrations: names }, names.length > 0 ? "the schema was brought up to date" : "nothing to migrate");
  } catch (error) {
    const why = (reasonOf(error) ?? "no reason is known").replace(/\s*\n\s*/g, " ");
    process.stderr.write(`fermi: ${placeOf(config.databaseUrl)} could not be migrated: ${why}\n`);
    process.exitCode = 1;
  }
}

async function untilReachable<T>(work: () => Promise<T>, deadlineMs: number): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isAway = error instanceof AppError && error.code === "STORE_UNAVAILABLE" && error.cause !== undefined;
      if (!isAway || systemClock.monotonicMs() > deadlineMs) throw error;
      await delay(pauseMs);
    }
  }
}
