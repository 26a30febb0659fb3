import type { Clock } from "./clock.js";
import type { Logger } from "./logger.js";

const logIntervalMs = 60_000;
const recentMs = 5 * 60_000;

/** Counts what could not be kept, and says so in the log at most once a minute. */
export class DropCounter {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #what: string;
  #total = 0;
  #unlogged = 0;
  #loggedAt = -Infinity;
  #lastAt = -Infinity;

  /** `what`: in the plural, as in "invocation records". */
  constructor(clock: Clock, logger: Logger, what: string) {
    this.#clock = clock;
    this.#logger = logger;
    this.#what = what;
  }

  get total(): number {
    return this.#total;
  }

  /** Whether any was dropped within the last five minutes. */
  get isRecent(): boolean {
    return this.#clock.monotonicMs() - this.#lastAt <= recentMs;
  }

  add(count: number, why: string): void {
    const now = this.#clock.monotonicMs();
    this.#total += count;
    this.#unlogged += count;
    this.#lastAt = now;
    if (now - this.#loggedAt < logIntervalMs) return;
    this.#loggedAt = now;
    this.#logger.warn(
      { dropped: this.#unlogged, droppedSinceStart: this.#total },
      `${this.#what} were dropped: ${why}`,
    );
    this.#unlogged = 0;
  }
}
