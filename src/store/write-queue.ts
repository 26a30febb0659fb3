import { AppError } from "../errors/app-error.js";
import { storeUnavailable } from "./store-error.js";

interface Waiting {
  /** Never rejects; resolves to the error the work ended with. */
  readonly run: () => Promise<unknown>;
  readonly refuse: (error: AppError) => void;
}

/**
 * Runs writes one after another, in order. A write may wait long while others make progress; once one finds the store
 * away, all that wait are told so at once, rather than each finding out in its turn.
 */
export class WriteQueue {
  readonly #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(private readonly capacity: number) {}

  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length >= this.capacity) return Promise.reject(storeUnavailable("too many writes wait"));
    return new Promise<T>((resolve, reject) => {
      const settle = async (): Promise<unknown> => {
        const result = work();
        resolve(result);
        return result.catch((error: unknown) => error);
      };
      this.#waiting.push({ run: settle, refuse: reject });
      if (!this.#isRunning) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const error = await next.run();
      if (error instanceof AppError && error.code === "STORE_UNAVAILABLE") this.#refuseAll(error);
    }
    this.#isRunning = false;
  }

  #refuseAll(cause: AppError): void {
    for (const { refuse } of this.#waiting.splice(0)) refuse(storeUnavailable(cause));
  }
}
