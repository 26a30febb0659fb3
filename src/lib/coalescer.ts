import type { Clock } from "./clock.js";

interface Waiting<T, R> {
  readonly item: T;
  readonly weight: number;
  readonly patience: { stop(): void };
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface CoalescerOptions<T, R> {
  /** Does all or rejects; the results are in the order of the items. */
  readonly work: (items: readonly T[]) => Promise<readonly R[]>;
  readonly maxItems: number;
  /** How much an item weighs, and how much a batch of more than one may. */
  readonly weightOf: (item: T) => number;
  readonly maxWeight: number;
  readonly line: LineBounds;
  /** What is said to those who come when too many wait, and who have waited for too long. */
  readonly full: () => Error;
  /** An error that would meet those who wait as well: they are told at once, rather than each finding out in its turn. */
  readonly isForAll: (error: unknown) => boolean;
  readonly clock: Clock;
}

/** Of those who wait for a batch. */
export interface LineBounds {
  readonly items: number;
  /** All of them together; a single one may weigh more. */
  readonly weight: number;
  /** How long each of them waits. Who is in a batch is in it to its end. */
  readonly ms: number;
}

/**
 * Does many small things in few batches: while one batch is being worked on, what comes in the meantime becomes the next.
 * So a lonely item waits for nobody, and under load a batch is as large as it needs to be.
 */
export class Coalescer<T, R> {
  readonly #waiting: Waiting<T, R>[] = [];
  #waitingWeight = 0;
  #running: Promise<void> | undefined;

  constructor(private readonly options: CoalescerOptions<T, R>) {}

  run(item: T): Promise<R> {
    const weight = this.options.weightOf(item);
    if (!this.#hasRoomFor(weight)) return Promise.reject(this.options.full());
    return new Promise((resolve, reject) => {
      const patience = this.options.clock.after(this.options.line.ms, () => this.#dismiss(waiting));
      const waiting = { item, weight, patience, resolve, reject };
      this.#waiting.push(waiting);
      this.#waitingWeight += weight;
      this.#running ??= this.#drain();
    });
  }

  /** Resolves when nothing waits and nothing is worked on. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #hasRoomFor(weight: number): boolean {
    const { items, weight: maxWeight } = this.options.line;
    const { length } = this.#waiting;
    return length < items && (length === 0 || this.#waitingWeight + weight <= maxWeight);
  }

  async #drain(): Promise<void> {
    // A turn of the loop later, so that what comes together goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#work(this.#next());
    this.#running = undefined;
  }

  #next(): Waiting<T, R>[] {
    const { maxItems, maxWeight } = this.options;
    let [count, sum] = [0, 0];
    for (const { weight } of this.#waiting) {
      sum += weight;
      if (count === maxItems || (count > 0 && sum > maxWeight)) break;
      count++;
    }
    return this.#take(0, count);
  }

  #take(from: number, count: number): Waiting<T, R>[] {
    const taken = this.#waiting.splice(from, count);
    for (const { weight, patience } of taken) {
      this.#waitingWeight -= weight;
      patience.stop();
    }
    return taken;
  }

  #dismiss(waiting: Waiting<T, R>): void {
    this.#take(this.#waiting.indexOf(waiting), 1);
    waiting.reject(this.options.full());
  }

  async #work(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.options.work(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as R);
    } catch (error) {
      const refused = this.options.isForAll(error) ? [...batch, ...this.#take(0, this.#waiting.length)] : batch;
      for (const { reject } of refused) reject(error);
    }
  }
}
