import type { ClusterDriver, ClusterInstance } from "../cluster/cluster-driver.js";
import { abortReason } from "../lib/or-abort.js";

interface Waiter {
  serve(instance: ClusterInstance): void;
  refuse(error: Error): void;
}

/** Those who wait for instances of one pool. */
interface Line {
  /** By function, whoever had a turn last at the end. */
  readonly waiting: Map<string, Waiter[]>;
  /** Claims at the driver, as many as there are waiters. */
  readonly claims: Set<AbortController>;
  waiters: number;
}

/**
 * The driver serves claims of a pool in the order in which they came. Here the functions that wait for its instances take
 * turns, and only the claims of one function keep their order: one that asks for many keeps no other from its first.
 */
export class FairClaims {
  readonly #lines = new Map<string, Line>();

  constructor(
    private readonly driver: Pick<ClusterDriver, "claim">,
    /** An instance came of a claim that was just being called off: it is nobody's. */
    private readonly onUnclaimed: (instance: ClusterInstance) => void,
  ) {}

  /** As the driver's own, which is reached before this returns. */
  claim(environmentId: string, functionId: string, signal: AbortSignal): Promise<ClusterInstance> {
    if (signal.aborted) return Promise.reject(abortReason(signal));
    return new Promise((resolve, reject) => {
      const line = this.#line(environmentId);
      const leave = (): void => {
        this.#remove(line, functionId, waiter);
        this.#callOff(line);
        reject(abortReason(signal));
      };
      const settle = (act: () => void): void => {
        signal.removeEventListener("abort", leave);
        act();
      };
      const waiter: Waiter = {
        serve: (instance) => settle(() => resolve(instance)),
        refuse: (error) => settle(() => reject(error)),
      };
      signal.addEventListener("abort", leave, { once: true });
      line.waiting.set(functionId, [...(line.waiting.get(functionId) ?? []), waiter]);
      line.waiters++;
      void this.#ask(environmentId, line);
    });
  }

  async #ask(environmentId: string, line: Line): Promise<void> {
    const claim = new AbortController();
    line.claims.add(claim);
    try {
      const instance = await this.driver.claim(environmentId, claim.signal);
      line.claims.delete(claim);
      const next = this.#next(line);
      if (next === undefined) this.onUnclaimed(instance);
      else next.serve(instance);
      this.#callOff(line);
    } catch (error) {
      if (line.claims.delete(claim)) this.#next(line)?.refuse(error as Error);
    }
  }

  /** As many as there are more claims than waiters, those that were made last. */
  #callOff(line: Line): void {
    for (const claim of [...line.claims].slice(line.waiters)) {
      line.claims.delete(claim);
      claim.abort(new Error("nobody waits for the instance any more"));
    }
  }

  #next(line: Line): Waiter | undefined {
    const [turn] = line.waiting;
    if (turn === undefined) return undefined;
    const [functionId, [waiter]] = turn;
    if (waiter !== undefined) this.#remove(line, functionId, waiter);
    const others = line.waiting.get(functionId);
    if (others !== undefined) {
      line.waiting.delete(functionId);
      line.waiting.set(functionId, others);
    }
    return waiter;
  }

  #remove(line: Line, functionId: string, waiter: Waiter): void {
    const left = (line.waiting.get(functionId) ?? []).filter((other) => other !== waiter);
    line.waiters--;
    if (left.length === 0) line.waiting.delete(functionId);
    else line.waiting.set(functionId, left);
  }

  #line(environmentId: string): Line {
    const line = this.#lines.get(environmentId) ?? { waiting: new Map(), claims: new Set(), waiters: 0 };
    this.#lines.set(environmentId, line);
    return line;
  }
}
