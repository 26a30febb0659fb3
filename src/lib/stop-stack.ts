import type { Stoppable } from "./stoppable.js";

/** What was started, stopped in reverse order. One that fails to stop does not keep the others from stopping. */
export class StopStack implements Stoppable {
  readonly #started: { readonly name: string; readonly stop: () => Promise<void> | void }[] = [];
  #stopped: Promise<void> | undefined;

  /** `onError` is told which part did not stop cleanly. */
  constructor(private readonly onError: (name: string, error: unknown) => void) {}

  push(name: string, stop: () => Promise<void> | void): void {
    this.#started.push({ name, stop });
  }

  /** Stops everything once; later calls wait for the same stop. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    for (const { name, stop } of this.#started.reverse()) {
      try {
        await stop();
      } catch (error) {
        this.onError(name, error);
      }
    }
  }
}
