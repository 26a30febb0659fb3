import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import type { Lease, TargetSlots, Waiter } from "./target-slots.js";

/** A place in the line for a slot. */
export interface Wait {
  /** The slot; undefined where the caller has left. Rejects with the refusal, or when the time is up. */
  readonly lease: Promise<Lease | undefined>;
  /** The caller has gone: its place is given up. Does nothing once the wait is over. */
  leave(): void;
}

export interface WaitingRoomOptions {
  readonly maxPerFunction: number;
  readonly clock: Clock;
  /** Whether poolmgr knows who waits, and so brings up instances or refuses where it can't. */
  readonly isServed: () => boolean;
  /** For how long at least an instance for the target has been loading its code; undefined where none does. */
  readonly loadingMs: (target: TargetSlots) => number | undefined;
  readonly onChange: (target: TargetSlots) => void;
}

/** The lines in front of full functions: bounded in length per function and in time per request. */
export class WaitingRoom {
  readonly #waitingByFunction = new Map<string, number>();

  constructor(private readonly options: WaitingRoomOptions) {}

  /** Of all functions. */
  get total(): number {
    let total = 0;
    for (const waiting of this.#waitingByFunction.values()) total += waiting;
    return total;
  }

  waiting(functionId: string): number {
    return this.#waitingByFunction.get(functionId) ?? 0;
  }

  /** `arrivedMs` is for who was served already, in vain: it gets its place back, before those that came later. */
  enter(target: TargetSlots, timeoutMs: number, arrivedMs?: number): Wait {
    const { functionId } = target.target;
    const before = this.waiting(functionId);
    if (before >= this.options.maxPerFunction && arrivedMs === undefined) {
      throw new AppError("QUEUE_FULL", `${before} requests wait for this function already.`, { retryAfterSeconds: 1 });
    }
    const { promise, resolve, reject } = deferred<Lease | undefined>();
    const waiter: Waiter = {
      arrivedMs: arrivedMs ?? this.options.clock.monotonicMs(),
      give: (lease) => settle(() => resolve(lease)),
      refuse: (error) => settle(() => reject(error)),
    };
    const timer = this.options.clock.after(timeoutMs, () => {
      if (this.leave(target, waiter)) waiter.refuse(this.#timeUp(target));
    });
    const settle = (act: () => void): void => {
      timer.stop();
      act();
    };
    this.#waitingByFunction.set(functionId, before + 1);
    target.enqueue(waiter);
    this.options.onChange(target);
    const leave = (): void => {
      if (this.leave(target, waiter)) settle(() => resolve(undefined));
    };
    return { lease: promise, leave };
  }

  /** Takes a waiter out of its line; false where it is in none any more. */
  leave(target: TargetSlots, waiter: Waiter): boolean {
    if (!target.waiters.delete(waiter)) return false;
    const { functionId } = target.target;
    const left = this.waiting(functionId) - 1;
    if (left === 0) this.#waitingByFunction.delete(functionId);
    else this.#waitingByFunction.set(functionId, left);
    this.options.onChange(target);
    return true;
  }

  /** Poolmgr refuses what the cluster is to blame for: what runs out of time while it listens had no turn. */
  #timeUp(target: TargetSlots): AppError {
    if (!this.options.isServed()) {
      const message = "No instance came free within the time limit, and the pool manager could not be reached.";
      return new AppError("CLUSTER_UNAVAILABLE", message, { retryAfterSeconds: 5 });
    }
    if (target.instances.size > 0) return queueFull("Every instance of this function was busy until the time limit.");
    const loadingMs = this.options.loadingMs(target);
    if (loadingMs === undefined) return queueFull("No instance of this function came up within the time limit.");
    const seconds = (loadingMs / 1_000).toFixed(1);
    const message = `The time limit was over before the function's code had loaded; it has been loading for ${seconds} s.`;
    return new AppError("FUNCTION_TIMEOUT", message);
  }

  refuseAll(target: TargetSlots, error: AppError): void {
    for (const waiter of [...target.waiters]) if (this.leave(target, waiter)) waiter.refuse(error);
  }
}

const queueFull = (message: string): AppError => new AppError("QUEUE_FULL", message, { retryAfterSeconds: 1 });

function deferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
