import type { Clock } from "../../../../src/lib/clock.js";

interface Timer {
  readonly atMs: number;
  readonly task: () => void;
}

/** Time that passes only when told to; timers run in the order in which they are due. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #aheadMs = 0;
  readonly #timers = new Set<Timer>();

  now(): Date {
    return new Date(1_700_000_000_000 + this.#aheadMs + this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(ms: number, task: () => void): { stop(): void } {
    const timer = { atMs: this.#nowMs + ms, task };
    this.#timers.add(timer);
    return { stop: () => void this.#timers.delete(timer) };
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Sets the wall clock forward, or back; no time passes. */
  setBy(ms: number): void {
    this.#aheadMs += ms;
  }

  /** Lets time pass, and promises settle before and after each timer. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.task();
      await settled();
    }
    this.#nowMs = endMs;
  }

  #next(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers)
      if (timer.atMs <= endMs && !(timer.atMs >= (next?.atMs ?? Infinity))) next = timer;
    return next;
  }
}

/** Every promise that can settle without time or I/O has done so. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
