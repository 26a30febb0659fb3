import { mkdir } from "node:fs/promises";
import type { Config } from "../config/settings.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import type { StopStack } from "../lib/stop-stack.js";
import { buildDataSource, type DataSource } from "../store/data-source.js";
import { lockDataDir } from "../store/embedded/data-lock.js";
import { chooseDataDir, startEmbeddedPostgres } from "../store/embedded-postgres.js";
import { StoreProblem } from "./start-problem.js";
import { migrate } from "../store/migrate.js";
import { Wakeups } from "../store/wakeups.js";

export interface OpenStore {
  readonly dataSource: DataSource;
  readonly wakeups: Wakeups;
  /** Where data is kept, for people. */
  readonly place: string;
  /** Fermi's data folder. */
  readonly dataDir: string;
}

interface StoreParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly started: StopStack;
}

/** The configured server, or else the embedded one; migrated and connected. */
export async function openStore({ config, clock, logger, started }: StoreParts): Promise<OpenStore> {
  const { dir: dataDir, movedBecause } = await chooseDataDir(config.dataDir);
  if (movedBecause !== null) logger.info({ dataDir }, `data is kept elsewhere: ${movedBecause}`);
  const url = config.databaseUrl ?? (await startOwn(dataDir, logger, started));
  if (config.databaseUrl !== null) await keepForOneself(dataDir, started);
  const migrated = await migrate(url).catch((error: unknown) => {
    throw config.databaseUrl === null ? error : new StoreProblem(placeOf(config.databaseUrl), error);
  });
  if (migrated.length > 0) logger.info({ migrations: migrated.length }, "the store's schema was brought up to date");
  const dataSource = buildDataSource({ url, logger });
  await dataSource.initialize();
  started.push("store", () => dataSource.destroy());
  const wakeups = new Wakeups({ url, clock, logger });
  wakeups.start();
  started.push("notifications", () => wakeups.stop());
  return {
    dataSource,
    wakeups,
    dataDir,
    place: config.databaseUrl === null ? dataDir : `PostgreSQL at ${placeOf(config.databaseUrl)}`,
  };
}

async function startOwn(dataDir: string, logger: Logger, started: StopStack): Promise<string> {
  const postgres = await startEmbeddedPostgres({ dataDir, logger });
  started.push("embedded database", () => postgres.stop());
  return postgres.url;
}

/** The embedded database's folder is locked with it; instances live in the folder in any case. */
async function keepForOneself(dataDir: string, started: StopStack): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o755 });
  const lock = await lockDataDir(dataDir);
  started.push("data folder", () => lock.stop());
}

/** Without user and password. */
function placeOf(databaseUrl: string): string {
  const { host, pathname } = new URL(databaseUrl);
  return `${host}${pathname}`;
}
