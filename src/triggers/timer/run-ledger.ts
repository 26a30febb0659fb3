import type { RunAnswer, RunAsked, RunFinished, TimerRuns } from "./timer-runs.js";

interface Waiting {
  readonly asked: RunAsked;
  readonly resolve: (answer: RunAnswer) => void;
  readonly reject: (error: unknown) => void;
}

const maxBatch = 500;
/** Ends that can't be written down: from here on runs count as running until their time has passed. */
const maxFinished = 10_000;

/**
 * Asks for runs and notes their ends: what comes while a statement is on its way goes with the next. Ends go first, so that
 * a run that is over here is over for whoever asks next.
 */
export class RunLedger {
  #waiting: Waiting[] = [];
  #finished: RunFinished[] = [];
  #writing: Promise<void> | undefined;

  constructor(private readonly runs: Pick<TimerRuns, "ask" | "finish">) {}

  /** Rejects where the store could not say; then it may have been decided, or not. */
  ask(asked: RunAsked): Promise<RunAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ asked, resolve, reject });
      this.#write();
    });
  }

  finish(finished: RunFinished): void {
    if (this.#finished.length >= maxFinished) this.#finished.shift();
    this.#finished.push(finished);
    this.#write();
  }

  /** Resolves when all that was noted before is written, or could not be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #write(): void {
    // Later in this turn, so that what is due at one moment is asked for at once.
    this.#writing ??= new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#writeAll())
      .then((isAllWritten) => {
        this.#writing = undefined;
        // What came after the last look and before this.
        if (this.#waiting.length > 0 || (isAllWritten && this.#finished.length > 0)) this.#write();
      });
  }

  /** Whether all ends could be written; those that could not wait for the next occasion. Never rejects. */
  async #writeAll(): Promise<boolean> {
    for (;;) {
      const isAllWritten = await this.#writeFinished();
      if (this.#waiting.length === 0 && (!isAllWritten || this.#finished.length === 0)) return isAllWritten;
      await this.#writeAsked(this.#nextBatch());
    }
  }

  async #writeFinished(): Promise<boolean> {
    const finished = this.#finished.splice(0, maxBatch);
    if (finished.length === 0) return true;
    try {
      await this.runs.finish(finished);
      return true;
    } catch {
      this.#finished.unshift(...finished);
      return false;
    }
  }

  /** Each trigger once. */
  #nextBatch(): Waiting[] {
    const batch = new Map<string, Waiting>();
    const later: Waiting[] = [];
    for (const waiting of this.#waiting) {
      const { triggerId } = waiting.asked;
      if (batch.size < maxBatch && !batch.has(triggerId)) batch.set(triggerId, waiting);
      else later.push(waiting);
    }
    this.#waiting = later;
    return [...batch.values()];
  }

  async #writeAsked(batch: readonly Waiting[]): Promise<void> {
    if (batch.length === 0) return;
    try {
      const answers = await this.runs.ask(batch.map(({ asked }) => asked));
      for (const { asked, resolve } of batch) resolve(answers.get(asked.triggerId) ?? { outcome: "CHANGED" });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
