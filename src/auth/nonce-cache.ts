/**
 * Remembers the nonces of signed requests for as long as their signatures are good, so that none is used twice. Bounded:
 * where there are too many, the oldest second is forgotten and whatever was signed then, or earlier, is refused.
 */
export class NonceCache {
  /** By the second in which they were signed. */
  readonly #bySecond = new Map<number, Set<string>>();
  #size = 0;
  #forgottenSecond = -Infinity;
  #sweptSecond = -Infinity;

  constructor(
    private readonly windowMs: number,
    private readonly max: number,
  ) {}

  /** False where the nonce was here before, or would be forgotten too early to tell. Times are wall time. */
  isNew(nonce: string, signedAtMs: number, nowMs: number): boolean {
    const second = Math.floor(signedAtMs / 1_000);
    this.#forgetBefore(Math.floor((nowMs - this.windowMs) / 1_000));
    if (second <= this.#forgottenSecond) return false;
    const nonces = this.#bySecond.get(second) ?? new Set<string>();
    if (nonces.has(nonce)) return false;
    this.#bySecond.set(second, nonces.add(nonce));
    this.#size++;
    while (this.#size > this.max) this.#forget(Math.min(...this.#bySecond.keys()));
    return true;
  }

  #forgetBefore(second: number): void {
    if (second === this.#sweptSecond) return;
    this.#sweptSecond = second;
    for (const known of [...this.#bySecond.keys()]) if (known < second) this.#forget(known);
  }

  #forget(second: number): void {
    // Also where a clock is set back: what was forgotten can't be told from what is new.
    this.#forgottenSecond = Math.max(this.#forgottenSecond, second);
    this.#size -= this.#bySecond.get(second)?.size ?? 0;
    this.#bySecond.delete(second);
  }
}
