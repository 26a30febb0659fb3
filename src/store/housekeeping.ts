import type { DataSource } from "typeorm";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { ResyncLoop } from "../lib/resync-loop.js";
import type { Stoppable } from "../lib/stoppable.js";
import { BatchSize } from "./batch-size.js";
import { triggerKeys, triggerTableNames } from "./repositories/trigger-rows.js";
import { withStore } from "./with-store.js";

export interface HousekeepingOptions {
  readonly dataSource: DataSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly everyMs?: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const changesKept = 100_000;
const batch = { first: 50, most: 500 };

/** Removes for good what nobody can ask for any more: old changes, and deleted resources without history. */
export class Housekeeping implements Stoppable {
  #loop: ResyncLoop | undefined;
  readonly #stopping = new AbortController();

  constructor(private readonly options: HousekeepingOptions) {}

  start(): void {
    const { clock, everyMs = hourMs } = this.options;
    this.#loop ??= new ResyncLoop(() => this.#run(), everyMs, clock);
    void this.#loop.ask();
  }

  /** Breaks off what is being removed, and resolves when that is over. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop?.stop();
  }

  /** Changes older than a day, and beyond the newest 100,000; never the newest, which says where the sequence is. */
  async pruneChanges(): Promise<number> {
    const sql = `DELETE FROM change WHERE sequence < (SELECT max(sequence) FROM change)
      AND (at < $1 OR sequence <= (SELECT max(sequence) FROM change) - $2)`;
    return this.#delete(sql, [this.#ago(dayMs), changesKept]);
  }

  /** Deleted resources whose last invocation and log line have expired. */
  async purgeDeleted(): Promise<number> {
    const hourAgo = this.#ago(hourMs);
    let resources = 0;
    for (const sql of purgeTriggers) resources += await this.#deleteAll(sql, hourAgo);
    await this.#deleteAll(purgeStatuses, hourAgo);
    for (const sql of [purgeFunctions, purgeEnvironments]) resources += await this.#deleteAll(sql, hourAgo);
    return resources;
  }

  async #run(): Promise<void> {
    try {
      const [changes, resources] = [await this.pruneChanges(), await this.purgeDeleted()];
      if (changes + resources > 0) this.options.logger.debug({ changes, resources }, "removed what had expired");
    } catch (error) {
      if (!this.#stopping.signal.aborted)
        this.options.logger.warn({ err: error }, "could not remove what has expired; trying again");
      throw error;
    }
  }

  async #delete(sql: string, parameters: readonly unknown[]): Promise<number> {
    const [, count]: [unknown, number] = await withStore(() => this.options.dataSource.query(sql, [...parameters]));
    return count;
  }

  /** A batch at a time: with a function go all its versions and their sources. */
  async #deleteAll(sql: string, before: Date): Promise<number> {
    const batches = new BatchSize(batch);
    let count = 0;
    const removesAll = async (rows: number): Promise<boolean> => {
      this.#stopping.signal.throwIfAborted();
      const removed = await this.#delete(sql, [before, rows]);
      count += removed;
      return removed < rows;
    };
    while (!(await batches.run(removesAll)));
    return count;
  }

  #ago(ms: number): Date {
    return new Date(this.options.clock.now().getTime() - ms);
  }
}

/**
 * Run in this order, because each may refer to the next. An hour passes first: records of requests that were in flight
 * arrive late.
 */
const purgeTriggers = triggerTableNames.map(
  (table) => `DELETE FROM ${table} WHERE id IN (
    SELECT t.id FROM ${table} t WHERE t.deleted_at < $1
      AND NOT EXISTS (SELECT FROM invocation i WHERE i.trigger_id = t.id)
    LIMIT $2)`,
);

/** Of triggers that are no more. */
const purgeStatuses = `DELETE FROM trigger_status WHERE trigger_id IN (
    SELECT s.trigger_id FROM trigger_status s WHERE s.since < $1
      AND NOT EXISTS (SELECT FROM ${triggerKeys} t WHERE t.id = s.trigger_id)
    LIMIT $2)`;

const purgeFunctions = `DELETE FROM function WHERE id IN (
    SELECT f.id FROM function f WHERE f.deleted_at < $1
      AND NOT EXISTS (SELECT FROM ${triggerKeys} t WHERE t.function_id = f.id)
      AND NOT EXISTS (SELECT FROM invocation i WHERE i.function_id = f.id)
      AND NOT EXISTS (SELECT FROM log_line l WHERE l.function_id = f.id)
    LIMIT $2)`;

const purgeEnvironments = `DELETE FROM environment WHERE id IN (
    SELECT e.id FROM environment e WHERE e.deleted_at < $1
      AND NOT EXISTS (SELECT FROM function_version v WHERE v.environment_id = e.id)
    LIMIT $2)`;
