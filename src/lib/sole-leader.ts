import type { Leadership } from "./leadership.js";

/** The leadership of a process that can have no rival: held from the start until it is stopped. */
export class SoleLeader implements Leadership {
  readonly #stopping = new AbortController();
  #term: Promise<void> | undefined;

  /** `onFailed` is told where the term ends by a rejection; nobody else could do better, so it is not begun again. */
  constructor(private readonly onFailed: (error: unknown) => void) {}

  get isHeld(): boolean {
    return this.#term !== undefined;
  }

  start(term: (signal: AbortSignal) => Promise<void>): void {
    this.#term ??= term(this.#stopping.signal).catch((error: unknown) => this.onFailed(error));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#term;
    this.#term = undefined;
  }

  describe(): string {
    return this.isHeld ? "This process is the only one." : "This process is the only one, and does not lead yet.";
  }
}
