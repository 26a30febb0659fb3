/** That this process is to stop, remembered from the first moment on: it may be asked for before there is a server. */

/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm. */
const sameSignalMs = 500;

class StopRequest {
  readonly #asked = new AbortController();
  #firstSignalMs: number | undefined;

  /** Aborts when a stop is asked for; its reason says by what. */
  get asked(): AbortSignal {
    return this.#asked.signal;
  }

  /**
   * From now on a signal asks, where it would have ended the process; a second one ends it at once. Idempotent: whoever
   * starts the server calls it early, and the server in any case.
   */
  heedSignals(): void {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      // Never taken off and on again: a signal that has come while code was being loaded would be lost.
      if (!process.listeners(signal).includes(this.#heed)) process.on(signal, this.#heed);
    }
  }

  /** Asking again changes nothing. */
  ask(by: string): void {
    this.#asked.abort(by);
  }

  readonly #heed = (signal: NodeJS.Signals): void => {
    const nowMs = performance.now();
    this.#firstSignalMs ??= nowMs;
    if (nowMs - this.#firstSignalMs > sameSignalMs) process.exit(1);
    this.ask(signal);
  };
}

export const stopRequest = new StopRequest();
