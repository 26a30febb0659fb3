import type { Clock } from "./clock.js";

/** An answer that is good for a while: asked for once, however often it is wanted meanwhile. A rejection is not kept. */
export class Remembered<T> {
  #answer: { readonly value: Promise<T>; readonly untilMs: number } | undefined;

  constructor(
    private readonly ask: () => Promise<T>,
    private readonly forMs: number,
    private readonly clock: Clock,
  ) {}

  get(): Promise<T> {
    const nowMs = this.clock.monotonicMs();
    if (this.#answer !== undefined && nowMs < this.#answer.untilMs) return this.#answer.value;
    const answer = { value: this.ask(), untilMs: nowMs + this.forMs };
    this.#answer = answer;
    answer.value.catch(() => {
      if (this.#answer === answer) this.#answer = undefined;
    });
    return answer.value;
  }
}
