/**
 * Writes what is buffered elsewhere, in batches, one after another and in order. What comes waits for company, also while
 * more keeps coming: a batch costs more than the few items that may be in it, so only full ones follow each other at once.
 * A batch that can't be written is tried again under the same id, with a growing pause, until it is stored: the receiver
 * keeps the ids it has seen, so that a batch is stored exactly once also when the connection is lost between commit and
 * acknowledgment. A batch that the receiver refuses for its content is split until only what is really bad is given up.
 */
import type { Clock } from "./clock.js";
import { newId } from "./new-id.js";

/** REFUSED: the content itself is wrong, trying again cannot help. */
export type WriteOutcome = "WRITTEN" | "REFUSED";

/** How much is buffered; FULL is a batch that waits for no company. */
export type Fill = "EMPTY" | "SOME" | "FULL";

/** The fill of a buffer with `waiting` items in it, of which `full` make a batch. */
export const fillOf = (waiting: number, full: number): Fill =>
  waiting === 0 ? "EMPTY" : waiting < full ? "SOME" : "FULL";

export interface BatchWriterOptions<B> {
  readonly clock: Clock;
  /** How long something buffered waits for company. */
  readonly intervalMs: number;
  fill(): Fill;
  /** Takes the next batch out of the buffer; undefined when it is empty. */
  next(): B | undefined;
  /** Stores the batch, or does nothing where `id` is stored already. Rejects when another try may help. */
  write(batch: B, id: string): Promise<WriteOutcome>;
  /** Smaller batches of the same content; empty where it is but one item. */
  split(batch: B): readonly B[];
  onWritten(batch: B): void;
  /** `cause` is undefined for what was refused, and the last failure for what was left when the writer had to stop. */
  onLost(batch: B, cause?: unknown): void;
  /** The first failure in a row, and undefined once writing works again. */
  onTrouble(cause: unknown): void;
}

const firstPauseMs = 100;
const longestPauseMs = 5_000;

export class BatchWriter<B> {
  readonly #options: BatchWriterOptions<B>;
  readonly #stopping = new AbortController();
  #timer: { stop(): void } | undefined;
  #running: Promise<void> | undefined;
  /** Resolves when all that was taken out of the buffer is settled. */
  #settled: Promise<void> = Promise.resolve();
  #failingSince: number | undefined;
  #lastCause: unknown;

  constructor(options: BatchWriterOptions<B>) {
    this.#options = options;
  }

  /** For how long no write has worked, in milliseconds; 0 where the last one did. */
  get failingMs(): number {
    return this.#failingSince === undefined ? 0 : this.#options.clock.monotonicMs() - this.#failingSince;
  }

  /** Something was buffered: it is written after the interval at the latest, or at once where a batch is full. Costs nothing. */
  wake(): void {
    if (this.#running !== undefined || this.#stopping.signal.aborted) return;
    const fill = this.#options.fill();
    if (fill === "FULL") this.#begin();
    else if (fill === "SOME") this.#timer ??= this.#options.clock.after(this.#options.intervalMs, () => this.#begin());
  }

  /** Resolves when what was buffered before the call has been written; what comes meanwhile waits as ever. */
  async flush(): Promise<void> {
    this.#timer?.stop();
    this.#timer = undefined;
    for (let batch = this.#options.next(); batch !== undefined; batch = this.#options.next()) void this.#add(batch);
    await this.#settled;
  }

  /** Writes what is left, for at most `timeoutMs`; what remains then is lost, and `onLost` is told. */
  async stop(timeoutMs: number): Promise<void> {
    const timer = this.#options.clock.after(timeoutMs, () => this.#stopping.abort());
    // The clock's timers would let the process end in the middle of a pause.
    const alive = setInterval(() => {}, 1_000);
    do await this.flush();
    while (this.#options.fill() !== "EMPTY");
    clearInterval(alive);
    timer.stop();
    this.#stopping.abort();
    this.#timer?.stop();
  }

  #begin(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    this.#running ??= this.#writeRound().finally(() => {
      this.#running = undefined;
      this.wake();
    });
  }

  async #writeRound(): Promise<void> {
    do {
      const batch = this.#options.next();
      if (batch === undefined) return;
      await this.#add(batch);
    } while (this.#options.fill() === "FULL");
  }

  /** Stores it after those that were taken before it. */
  #add(batch: B): Promise<void> {
    return (this.#settled = this.#settled.then(() => this.#store(batch)));
  }

  async #store(batch: B): Promise<void> {
    const outcome = await this.#untilSettled(batch);
    if (outcome === "WRITTEN") this.#options.onWritten(batch);
    else if (outcome === "STOPPED") this.#options.onLost(batch, this.#lastCause);
    else await this.#storeParts(batch);
  }

  async #storeParts(batch: B): Promise<void> {
    const parts = this.#options.split(batch);
    if (parts.length === 0) this.#options.onLost(batch);
    for (const part of parts) await this.#store(part);
  }

  async #untilSettled(batch: B): Promise<WriteOutcome | "STOPPED"> {
    const id = newId();
    for (let pauseMs = firstPauseMs; !this.#stopping.signal.aborted; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        const outcome = await this.#options.write(batch, id);
        this.#recovered();
        return outcome;
      } catch (cause) {
        this.#failed(cause);
        await this.#pause(pauseMs);
      }
    }
    return "STOPPED";
  }

  #recovered(): void {
    if (this.#failingSince === undefined) return;
    this.#failingSince = undefined;
    this.#options.onTrouble(undefined);
  }

  #failed(cause: unknown): void {
    this.#lastCause = cause;
    if (this.#failingSince !== undefined) return;
    this.#failingSince = this.#options.clock.monotonicMs();
    this.#options.onTrouble(cause);
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const done = (): void => {
        timer.stop();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = this.#options.clock.after(ms, done);
      signal.addEventListener("abort", done, { once: true });
      if (signal.aborted) done();
    });
  }
}
