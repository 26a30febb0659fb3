/** Up to which change all workers have taken up what was changed: a change is in force when the slowest has it. */
export class SeenByAll {
  /** By worker; who has not loaded anything yet routes nothing. */
  readonly #positions = new Map<number, bigint>();
  #told = -1n;

  constructor(private readonly onSeen: (change: string) => void) {}

  said(worker: number, change: string): void {
    this.#positions.set(worker, BigInt(change));
    this.#tell();
  }

  left(worker: number): void {
    this.#positions.delete(worker);
    this.#tell();
  }

  #tell(): void {
    const [first, ...others] = this.#positions.values();
    if (first === undefined) return;
    const least = others.reduce((low, position) => (position < low ? position : low), first);
    if (least <= this.#told) return;
    this.#told = least;
    this.onSeen(String(least));
  }
}
