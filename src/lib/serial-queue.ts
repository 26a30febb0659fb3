/**
 * Runs tasks one after another, each to its end, in the order they were posted. A task posted from within a task runs
 * after it, never inside it, so state is not seen half changed. With nothing running, `post` runs the task before it
 * returns: no tick is lost.
 */
export class SerialQueue {
  readonly #tasks: (() => void)[] = [];
  #isRunning = false;

  constructor(private readonly onError: (error: unknown) => void) {}

  post(task: () => void): void {
    this.#tasks.push(task);
    if (!this.#isRunning) this.#drain();
  }

  #drain(): void {
    this.#isRunning = true;
    for (let next = this.#tasks.shift(); next !== undefined; next = this.#tasks.shift()) {
      try {
        next();
      } catch (error) {
        this.onError(error);
      }
    }
    this.#isRunning = false;
  }
}
