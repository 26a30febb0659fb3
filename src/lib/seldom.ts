import type { Clock } from "./clock.js";

/** For what fails again and again while something is away: it is told at the first time, and then once in a while. */
export class Seldom {
  #quietUntilMs = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly everyMs = 60_000,
  ) {}

  /** Whether this time is to be told; asking counts as telling. */
  isDue(): boolean {
    const nowMs = this.clock.monotonicMs();
    if (nowMs < this.#quietUntilMs) return false;
    this.#quietUntilMs = nowMs + this.everyMs;
    return true;
  }

  /** It works: the next failure is news. */
  reset(): void {
    this.#quietUntilMs = -Infinity;
  }
}
