import type { Clock } from "./clock.js";
import { DropCounter } from "./drop-counter.js";
import type { Logger } from "./logger.js";

/** Shorter troubles are nobody's business: what is to be written is only late. */
const toleratedTroubleMs = 5_000;

interface BatchReportOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** In the plural, as in "invocation records". */
  readonly what: string;
  /** How it is when all is well, as a sentence without its full stop. */
  readonly whenWell: string;
  /** What keeps them from being dropped, as a sentence. */
  readonly advice: string;
}

/** What a BatchWriter's owner tells the operator: what it dropped and lost, and how writing goes. */
export class BatchReport {
  readonly #options: BatchReportOptions;
  readonly #drops: DropCounter;

  constructor(options: BatchReportOptions) {
    this.#options = options;
    this.#drops = new DropCounter(options.clock, options.logger, options.what);
  }

  dropped(count: number, why: string): void {
    this.#drops.add(count, why);
  }

  /** For `onLost`: logs it, and gives the reason in words. `counts` goes into the log. */
  lost(counts: object, cause: unknown): string {
    const why = cause === undefined ? "the store refused them" : "the store stayed away until the end";
    this.#options.logger.error({ cause, ...counts }, `lost ${this.#options.what}: ${why}`);
    return why;
  }

  /** For `onTrouble`. */
  trouble(cause: unknown): void {
    const { logger, what } = this.#options;
    if (cause === undefined) logger.info({}, `${what} are stored again`);
    else logger.warn({ cause }, `${what} can't be stored for now; they wait`);
  }

  /** `failingMs` is the writer's, `waiting` how many wait to be written. */
  check(failingMs: number, waiting: number): { name: string; ok: boolean; message: string } {
    const { what, whenWell } = this.#options;
    const dropped = `${this.#drops.total} dropped since the start`;
    if (failingMs <= toleratedTroubleMs) {
      const loss = this.#recentLoss();
      return { name: what, ok: loss === undefined, message: loss ?? `${whenWell}, ${dropped}.` };
    }
    const seconds = Math.round(failingMs / 1_000);
    const message = `The store has taken no ${what} for ${seconds} s: ${waiting} wait, ${dropped}.`;
    return { name: what, ok: false, message };
  }

  #recentLoss(): string | undefined {
    const { recent, total } = this.#drops;
    if (recent === undefined) return undefined;
    const { what, advice } = this.#options;
    const subject = what.charAt(0).toUpperCase() + what.slice(1);
    const ago = `${Math.round(recent.agoMs / 1_000)} s ago`;
    return (
      `${subject} were lost: ${total} dropped since the start, the last ${ago}, because ${recent.why}. ` +
      `${advice} This check is well again a minute after the last loss.`
    );
  }
}
