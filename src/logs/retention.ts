/**
 * Keeps what is recorded within its bounds: makes the partitions of the coming days, drops those that are older than the
 * time records are kept for, and sees to it that log lines take no more room than they may, the oldest going first. Runs at
 * start and every hour, the size bound every minute; what fails is tried again a minute later.
 */
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import type { Stoppable } from "../lib/stoppable.js";
import { tryAll } from "../lib/try-all.js";
import { planLogTrim, type LogDay, type LogTrim } from "./plan-log-trim.js";

/**
 * What it needs of the store. Days are of UTC, written as 2026-08-01; everything is idempotent. What may take
 * long rejects soon after its signal has aborted.
 */
export interface RecordStorage {
  ensureDay(day: string, signal: AbortSignal): Promise<void>;
  /** Removes everything recorded before `cutoff`, as far as that costs little: the cutoff's own day may stay whole. */
  dropBefore(cutoff: Date, signal: AbortSignal): Promise<void>;
  logDays(): Promise<readonly LogDay[]>;
  dropLogDay(day: string, signal: AbortSignal): Promise<void>;
  /** Deletes a day's oldest lines until `bytes` are free. */
  deleteOldestLogLines(day: string, bytes: number, signal: AbortSignal): Promise<void>;
}

export interface RetentionOptions {
  readonly storage: RecordStorage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retentionDays: number;
  readonly logMaxBytes: number;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** Yesterday, for what comes late, to the day after tomorrow. */
const daysAhead = [-1, 0, 1, 2];

export class Retention implements Stoppable {
  readonly #options: RetentionOptions;
  #timer: { stop(): void } | undefined;
  #running: Promise<void> = Promise.resolve();
  #nextFullAt = -Infinity;
  readonly #stopping = new AbortController();

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Resolves when the first pass is done, whatever came of it. */
  start(): Promise<void> {
    this.#running = this.#pass();
    return this.#running;
  }

  /** Breaks off the pass that is running, and resolves when it is over. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#timer?.stop();
    await this.#running;
  }

  async #pass(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopping;
    const isFull = clock.monotonicMs() >= this.#nextFullAt;
    try {
      // What keeps one from being done is no reason for records to outgrow the other bound.
      await tryAll([...(isFull ? [() => this.#keepTime()] : []), () => this.#keepSize()]);
    } catch (cause) {
      if (!signal.aborted) logger.warn({ cause }, "old records could not be removed; trying again in a minute");
    }
    if (signal.aborted) return;
    this.#timer = clock.after(minuteMs, () => {
      this.#running = this.#pass();
    });
  }

  async #keepTime(): Promise<void> {
    const { clock, storage, retentionDays } = this.#options;
    const { signal } = this.#stopping;
    const now = clock.now().getTime();
    await tryAll([
      ...daysAhead.map((offset) => () => storage.ensureDay(utcDay(now + offset * dayMs), signal)),
      () => storage.dropBefore(new Date(now - retentionDays * dayMs), signal),
    ]);
    this.#nextFullAt = clock.monotonicMs() + hourMs;
  }

  async #keepSize(): Promise<void> {
    const { storage, logMaxBytes, logger } = this.#options;
    for (const trim of planLogTrim(await storage.logDays(), logMaxBytes)) {
      logger.info({ ...trim }, "log lines take more room than they may; the oldest go");
      await this.#trim(trim);
    }
  }

  #trim(trim: LogTrim): Promise<void> {
    const { storage } = this.#options;
    const { signal } = this.#stopping;
    return trim.do === "dropDay"
      ? storage.dropLogDay(trim.day, signal)
      : storage.deleteOldestLogLines(trim.day, trim.bytes, signal);
  }
}

const utcDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
