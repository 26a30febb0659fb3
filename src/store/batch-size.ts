import type { Clock } from "../lib/clock.js";
import { systemClock } from "../lib/clock.js";
import { isOutOfTime } from "./store-error.js";

export interface BatchBounds {
  readonly first: number;
  readonly most: number;
}

/** In this time a batch has done so little that it may as well be larger. */
const quickMs = 500;

/**
 * How many rows a statement is to touch. Nobody knows how large they are: it begins with few, takes twice as many after what
 * was quick, and a quarter after what failed. So it gets on where rows are so large that many of them would run out of time.
 */
export class BatchSize {
  #rows: number;

  constructor(
    private readonly bounds: BatchBounds,
    private readonly clock: Clock = systemClock,
  ) {
    this.#rows = bounds.first;
  }

  /** Does it once more with fewer rows where it has run out of time. */
  async run<T>(work: (rows: number) => Promise<T>): Promise<T> {
    for (;;) {
      const rows = this.#rows;
      const begunMs = this.clock.monotonicMs();
      try {
        const result = await work(rows);
        if (this.clock.monotonicMs() - begunMs < quickMs) this.#rows = Math.min(2 * rows, this.bounds.most);
        return result;
      } catch (error) {
        this.#rows = Math.ceil(rows / 4);
        if (rows === 1 || !isOutOfTime(error)) throw error;
      }
    }
  }
}
