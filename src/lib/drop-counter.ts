import type { Clock } from "./clock.js";
import type { Logger } from "./logger.js";

const logIntervalMs = 60_000;
/** So long after the last drop all is well again. */
const recentMs = 60_000;

/** Counts what could not be kept, and says so in the log at most once a minute. */
export class DropCounter {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #what: string;
  #total = 0;
  #unlogged = 0;
  #loggedAt = -Infinity;
  #last: { readonly at: number; readonly why: string } | undefined;

  /** `what`: in the plural, as in "invocation records". */
  constructor(clock: Clock, logger: Logger, what: string) {
    this.#clock = clock;
    this.#logger = logger;
    this.#what = what;
  }

  get total(): number {
    return this.#total;
  }

  /** The last drop, where it was within the last minute: how many milliseconds ago, and why. */
  get recent(): { readonly agoMs: number; readonly why: string } | undefined {
    if (this.#last === undefined) return undefined;
    const agoMs = this.#clock.monotonicMs() - this.#last.at;
    return agoMs <= recentMs ? { agoMs, why: this.#last.why } : undefined;
  }

  add(count: number, why: string): void {
    const now = this.#clock.monotonicMs();
    this.#total += count;
    this.#unlogged += count;
    this.#last = { at: now, why };
    if (now - this.#loggedAt < logIntervalMs) return;
    this.#loggedAt = now;
    this.#logger.warn(
      { dropped: this.#unlogged, droppedSinceStart: this.#total },
      `${this.#what} were dropped: ${why}`,
    );
    this.#unlogged = 0;
  }
}
