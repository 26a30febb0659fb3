import { abortReason } from "../lib/or-abort.js";

/** Those who wait for a warm instance of one pool, served in the order in which they came. */
export class ClaimQueue<T> {
  readonly #waiters: Waiter<T>[] = [];

  get size(): number {
    return this.#waiters.length;
  }

  /** Resolves with what it is served; rejects with the signal's reason when that aborts, and leaves the queue. */
  wait(signal: AbortSignal): Promise<T> {
    if (signal.aborted) return Promise.reject(abortReason(signal));
    return new Promise<T>((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(abortReason(signal));
      };
      const stopListening = (): void => signal.removeEventListener("abort", leave);
      const waiter: Waiter<T> = {
        serve: (value) => {
          stopListening();
          resolve(value);
        },
        refuse: (error) => {
          stopListening();
          reject(error);
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiters.push(waiter);
    });
  }

  /** Takes the one who has waited longest out of the queue, to be given an instance by the call of what is returned. */
  next(): ((value: T) => void) | undefined {
    return this.#waiters.shift()?.serve;
  }

  refuseAll(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.refuse(error);
  }
}

interface Waiter<T> {
  readonly serve: (value: T) => void;
  refuse(error: Error): void;
}
