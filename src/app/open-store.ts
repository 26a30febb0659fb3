import { setTimeout as delay } from "node:timers/promises";
import { isAlone } from "../config/contradictions.js";
import type { Config } from "../config/settings.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { makeFolder } from "../lib/make-folder.js";
import type { StopStack } from "../lib/stop-stack.js";
import { buildDataSource, type DataSource } from "../store/data-source.js";
import { lockDataDir } from "../store/embedded/data-lock.js";
import { chooseDataDir, startEmbeddedPostgres } from "../store/embedded-postgres.js";
import { checkSchema, migrate } from "../store/migrate.js";
import { Wakeups } from "../store/wakeups.js";
import { placeOf, reasonOf, StoreProblem } from "./start-problem.js";

export interface OpenStore {
  /** Where it is, its password included. */
  readonly url: string;
  readonly dataSource: DataSource;
  readonly wakeups: Wakeups;
  /** Where data is kept, for people. */
  readonly place: string;
  /** Fermi's data folder. */
  readonly dataDir: string;
  /** Resolves when the store can be used; until then whoever tries gets STORE_UNAVAILABLE. */
  readonly opened: Promise<void>;
  /** Why the store can't be used yet, in words; undefined from the moment it could be, whatever happens to it later. */
  readonly unopened: string | undefined;
}

interface StoreParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly started: StopStack;
  /** Connections at most. */
  readonly poolSize?: number;
  /** Aborted: no further step is begun, and opening rejects. */
  readonly stopping?: AbortSignal;
  /** Called once the data folder is this process's; not where it still needs the claim of a database that is not its own. */
  readonly onOwned?: () => Promise<void>;
}

/**
 * The configured server, or else the embedded one. A process that is everything brings the schema up to date and starts
 * with the store or not at all; one that is a part starts in any case, and waits for a store whose schema is new enough.
 */
export async function openStore(parts: StoreParts): Promise<OpenStore> {
  const { config, clock, logger, started, stopping, poolSize, onOwned } = parts;
  const dataDir = await ownFolder(parts);
  stopping?.throwIfAborted();
  if (!isAlone(config)) await onOwned?.();
  const url = config.databaseUrl ?? (await startOwn(dataDir, parts));
  stopping?.throwIfAborted();
  const dataSource = buildDataSource({ url, logger, ...(poolSize !== undefined && { poolSize }) });
  started.push("store", () => (dataSource.isInitialized ? dataSource.destroy() : undefined));
  const opening = new Opening(parts, async () => {
    await checkSchema(url);
    await dataSource.initialize();
  });
  if (isAlone(config)) await bringUpToDate(url, config, logger);
  stopping?.throwIfAborted();
  const opened = isAlone(config) ? opening.once() : opening.start();
  started.push("opening of the store", () => opening.stop());
  if (isAlone(config)) await opened;
  const wakeups = new Wakeups({ url, clock, logger });
  wakeups.start();
  started.push("notifications", () => wakeups.stop());
  const place = config.databaseUrl === null ? dataDir : `PostgreSQL at ${placeOf(config.databaseUrl)}`;
  return {
    url,
    dataSource,
    wakeups,
    dataDir,
    place,
    opened,
    get unopened() {
      return opening.problem;
    },
  };
}

const firstPauseMs = 250;
const longestPauseMs = 3_000;
const reportEveryMs = 60_000;

/** Tries until it succeeds or is stopped; says why it waits at the beginning, when the reason changes, and each minute. */
class Opening {
  problem: string | undefined = "The store was not reached yet.";
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #reported = { problem: "", atMs: -Infinity };

  constructor(
    private readonly parts: StoreParts,
    private readonly open: () => Promise<void>,
  ) {}

  async once(): Promise<void> {
    await this.open();
    this.problem = undefined;
  }

  /** Never settles where it is stopped before. */
  async start(): Promise<void> {
    this.#running = this.#untilOpen();
    await this.#running;
    if (this.problem !== undefined) await new Promise<never>(() => {});
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #untilOpen(): Promise<void> {
    const { signal } = this.#stopping;
    for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      if (await this.#attempt()) return;
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #attempt(): Promise<boolean> {
    try {
      await this.once();
      return true;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  #report(error: unknown): void {
    const { clock, logger } = this.parts;
    this.problem = reasonOf(error) ?? "no reason is known";
    const nowMs = clock.monotonicMs();
    if (this.problem === this.#reported.problem && nowMs - this.#reported.atMs < reportEveryMs) return;
    this.#reported = { problem: this.problem, atMs: nowMs };
    logger.warn({ why: this.problem }, "the store can't be used yet; waiting for it");
  }
}

async function bringUpToDate(url: string, { databaseUrl }: Config, logger: Logger): Promise<void> {
  const migrated = await migrate(url, logger).catch((error: unknown) => {
    throw databaseUrl === null ? error : new StoreProblem(placeOf(databaseUrl), error);
  });
  if (migrated.length > 0) logger.info({ migrations: migrated.length }, "the store's schema was brought up to date");
}

/** Held against other processes where this one keeps something in it: the embedded database, or instances. */
async function ownFolder({ config, logger, started }: StoreParts): Promise<string> {
  const { dataDir: given, databaseUrl, roles, cluster } = config;
  const isUsed = databaseUrl === null || (cluster === "local" && roles.includes("poolmgr"));
  if (!isUsed) return given;
  const { dir, movedBecause } = await chooseDataDir(given);
  if (movedBecause !== null) logger.info({ dataDir: dir }, `data is kept elsewhere: ${movedBecause}`);
  if (databaseUrl === null) return dir; // Locked with the database.
  await makeFolder(dir, 0o755);
  const lock = await lockDataDir(dir);
  started.push("data folder", () => lock.stop());
  return dir;
}

async function startOwn(dataDir: string, { logger, started, onOwned }: StoreParts): Promise<string> {
  const postgres = await startEmbeddedPostgres({ dataDir, logger, ...(onOwned && { onLocked: onOwned }) });
  started.push("embedded database", () => postgres.stop());
  return postgres.url;
}
