/** Notes what became of attempts, many at a time, and again and again until the store has it. */
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { Coalescer } from "../lib/coalescer.js";
import type { Logger } from "../lib/logger.js";
import type { Settlement } from "../model/async-work.js";
import type { AsyncWork } from "./async-queue.js";

export interface SettlerOptions {
  readonly work: Pick<AsyncWork, "settle">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when nothing is to be tried any more. */
  readonly signal: AbortSignal;
}

const mebibyte = 1024 * 1024;
const firstPauseMs = 100;
const longestPauseMs = 2_000;

const isAway = (error: unknown): boolean => error instanceof AppError && error.code === "STORE_UNAVAILABLE";

export class Settler {
  readonly #batches: Coalescer<Settlement, undefined>;
  #failingSince: number | undefined;

  constructor(private readonly options: SettlerOptions) {
    this.#batches = new Coalescer({
      work: async (settlements) => {
        const noted = await this.#noteAll(settlements);
        this.#failingSince = undefined;
        return noted;
      },
      maxItems: 500,
      weightOf,
      maxWeight: 8 * mebibyte,
      // Who settles holds a slot until it is done, which is bound enough; and who is sent away comes back.
      line: { items: 100_000, weight: Infinity, ms: 60_000 },
      full: () => new AppError("STORE_UNAVAILABLE", "Too much waits to be noted."),
      isForAll: isAway,
      clock: options.clock,
    });
  }

  /** For how long nothing could be noted; 0 where it could the last time. */
  get failingMs(): number {
    return this.#failingSince === undefined ? 0 : this.options.clock.monotonicMs() - this.#failingSince;
  }

  /** Resolves when it is noted, or refused as another has the lease, or given up because of the signal. Never rejects. */
  async settle(settlement: Settlement): Promise<void> {
    const { signal, clock, logger } = this.options;
    for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        await this.#batches.run(settlement);
        return;
      } catch (error) {
        if (!isAway(error)) {
          logger.error({ err: error, invocation: settlement.id }, "the end of an invocation could not be noted");
          return;
        }
        this.#failingSince ??= clock.monotonicMs();
        await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
      }
    }
  }

  /** Where the store refuses a batch for what is in it, what is good is kept, and of the rest all but the answer. */
  async #noteAll(settlements: readonly Settlement[]): Promise<undefined[]> {
    const { work, logger } = this.options;
    try {
      const inForce = await work.settle(settlements);
      const late = settlements.length - inForce.length;
      if (late > 0) logger.debug({ late }, "the lease of some invocations was lost before their end was noted");
    } catch (error) {
      if (isAway(error)) throw error;
      const [one, ...others] = settlements;
      if (one === undefined) return [];
      if (others.length > 0) for (const settlement of settlements) await this.#noteAll([settlement]);
      else await work.settle([withoutAnswer(one)]);
    }
    return settlements.map(() => undefined);
  }
}

/** What the store has to handle of it. */
const weightOf = ({ result, requestBytes = 0 }: Settlement): number => (result?.body.length ?? 0) + requestBytes;

const withoutAnswer = ({ result: _result, told: _told, ...settlement }: Settlement): Settlement => ({
  ...settlement,
  note: "The answer could not be kept.",
});
