import type { Clock } from "../lib/clock.js";

/** Lets `ratePerSecond` pass, spread evenly over time once a second's worth was used up. */
export class Sampler {
  #tokens: number;
  #filledAt: number;

  constructor(
    private readonly clock: Clock,
    private readonly ratePerSecond: number,
  ) {
    this.#tokens = ratePerSecond;
    this.#filledAt = clock.monotonicMs();
  }

  passes(): boolean {
    const now = this.clock.monotonicMs();
    const refill = ((now - this.#filledAt) / 1_000) * this.ratePerSecond;
    this.#tokens = Math.min(this.ratePerSecond, this.#tokens + refill);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
