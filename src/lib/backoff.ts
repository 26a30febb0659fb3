/** A pause that doubles with every failure, from `firstMs` up to `maxMs`, until a success ends it. Time is an argument. */
export class Backoff {
  #failures = 0;
  #untilMs = -Infinity;

  constructor(
    private readonly firstMs: number,
    private readonly maxMs: number,
  ) {}

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts one failure and returns how long to wait from now on. */
  fail(nowMs: number): number {
    const pauseMs = Math.min(this.maxMs, this.firstMs * 2 ** Math.min(this.#failures, 52));
    this.#failures++;
    this.#untilMs = nowMs + pauseMs;
    return pauseMs;
  }

  succeed(): void {
    this.#failures = 0;
    this.#untilMs = -Infinity;
  }

  /** Milliseconds until the next try is due; 0 when it is. */
  remainingMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }
}
