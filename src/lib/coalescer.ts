interface Waiting<T, R> {
  readonly item: T;
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
  readonly maxWaiting: number;
  /** What is said to those who come when too many wait. */
  readonly full: () => Error;
  /** An error that would meet those who wait as well: they are told at once, rather than each finding out in its turn. */
  readonly isForAll: (error: unknown) => boolean;
}

/**
 * Does many small things in few batches: while one batch is being worked on, what comes in the meantime becomes the next.
 * So a lonely item waits for nobody, and under load a batch is as large as it needs to be.
 */
export class Coalescer<T, R> {
  readonly #waiting: Waiting<T, R>[] = [];
  #running: Promise<void> | undefined;

  constructor(private readonly options: CoalescerOptions<T, R>) {}

  run(item: T): Promise<R> {
    if (this.#waiting.length >= this.options.maxWaiting) return Promise.reject(this.options.full());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  /** Resolves when nothing waits and nothing is worked on. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    // A turn of the loop later, so that what comes together goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#work(this.#next());
    this.#running = undefined;
  }

  #next(): Waiting<T, R>[] {
    const { maxItems, maxWeight, weightOf } = this.options;
    let [count, weight] = [0, 0];
    for (const { item } of this.#waiting) {
      weight += weightOf(item);
      if (count === maxItems || (count > 0 && weight > maxWeight)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #work(batch: readonly Waiting<T, R>[]): Promise<void> {
    try {
      const results = await this.options.work(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as R);
    } catch (error) {
      const refused = this.options.isForAll(error) ? [...batch, ...this.#waiting.splice(0)] : batch;
      for (const { reject } of refused) reject(error);
    }
  }
}
