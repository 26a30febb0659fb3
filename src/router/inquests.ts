import type { Clock } from "../lib/clock.js";

interface Inquest {
  readonly verdict: Promise<string | undefined>;
  close(why: string | undefined): void;
}

/** So long a caller's answer may wait for what is to be said in it. */
const waitMs = 1_000;
/** So long a verdict is there for those who ask later. */
const keptMs = 2_000;

/**
 * Why instances were lost, for those whose requests were in them: that a connection broke is seen a moment before poolmgr
 * has word of what became of the process.
 */
export class Inquests {
  readonly #byInstance = new Map<string, Inquest>();

  constructor(private readonly clock: Clock) {}

  /** What the instance did, as in "exited with code 1"; undefined where nobody says so in time. */
  why(instanceId: string): Promise<string | undefined> {
    return this.#of(instanceId).verdict;
  }

  tell(instanceId: string, why: string | undefined): void {
    this.#of(instanceId).close(why);
  }

  #of(instanceId: string): Inquest {
    const open = this.#byInstance.get(instanceId);
    if (open !== undefined) return open;
    let close: Inquest["close"] = () => {};
    const verdict = new Promise<string | undefined>((resolve) => (close = resolve));
    const inquest = { verdict, close };
    this.#byInstance.set(instanceId, inquest);
    this.clock.after(waitMs, () => close(undefined));
    this.clock.after(keptMs, () => this.#byInstance.delete(instanceId));
    return inquest;
  }
}
