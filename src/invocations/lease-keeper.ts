/** The leases that a worker holds: renewed while their work goes on, and their work broken off where they are lost. */
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { ResyncLoop } from "../lib/resync-loop.js";
import type { Lease, Settlement } from "../model/async-work.js";
import type { AsyncWork } from "./async-queue.js";
import { decide } from "./async-state.js";

interface Held {
  readonly lease: Lease;
  readonly work: AbortController;
  readonly done: Promise<void>;
}

export interface LeaseKeeperOptions {
  readonly work: Pick<AsyncWork, "held" | "renew" | "expired">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly leaseMs: number;
  readonly settle: (settlement: Settlement) => Promise<void>;
}

/** Why an attempt is broken off whose lease is still held. */
export const stopped = new AppError("CLUSTER_UNAVAILABLE", "The worker was stopped before the function answered.", {
  cause: new Error("stopped"),
});
const lost = new AppError("CONFLICT", "The lease is lost.");

const lastWordsMs = 5_000;
const expiredAtATime = 200;

export class LeaseKeeper {
  readonly #held = new Map<string, Held>();
  readonly #beats: ResyncLoop;
  /** When the store was last found away; what ran out meanwhile may be renewed in a moment. */
  #awayAtMs = -Infinity;

  constructor(private readonly options: LeaseKeeperOptions) {
    this.#beats = new ResyncLoop(() => this.#beat(), options.leaseMs / 3, options.clock);
  }

  /** How many are held. */
  get size(): number {
    return this.#held.size;
  }

  start(): void {
    void this.#beats.ask();
  }

  /** Breaks off the work whose lease is lost by now; far cheaper than a beat. Rejects while the store is away. */
  async look(): Promise<void> {
    await this.#keepWhat((leases) => this.options.work.held(leases));
  }

  /** `work` must not reject; its signal aborts with `stopped`, or with another reason where the lease is lost. */
  run(lease: Lease, work: (signal: AbortSignal) => Promise<void>): void {
    const controller = new AbortController();
    const done = work(controller.signal).finally(() => {
      if (this.#held.get(lease.id)?.work === controller) this.#held.delete(lease.id);
    });
    this.#held.set(lease.id, { lease: { id: lease.id, epoch: lease.epoch }, work: controller, done });
  }

  /** Waits for the work for so long, then breaks it off and waits until that is noted, for a moment. */
  async finish(graceMs: number): Promise<void> {
    // The clock's timers would let the process end in the middle of it.
    const alive = setInterval(() => {}, 1_000);
    await this.#within(graceMs);
    for (const { work } of this.#held.values()) work.abort(stopped);
    await this.#within(lastWordsMs);
    clearInterval(alive);
  }

  stop(): Promise<void> {
    return this.#beats.stop();
  }

  #within(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(ms, resolve);
      void Promise.all([...this.#held.values()].map(({ done }) => done)).then(() => {
        timer.stop();
        resolve();
      });
    });
  }

  async #beat(): Promise<void> {
    const { work, leaseMs, clock } = this.options;
    try {
      await this.#keepWhat((leases) => work.renew(leases, leaseMs));
      if (clock.monotonicMs() - this.#awayAtMs >= leaseMs) await this.#expire();
    } catch (error) {
      this.#awayAtMs = clock.monotonicMs();
      throw error;
    }
  }

  /** `ask` gives those that are held yet. */
  async #keepWhat(ask: (leases: readonly Lease[]) => Promise<readonly Lease[]>): Promise<void> {
    const held = [...this.#held.values()];
    if (held.length === 0) return;
    const kept = await ask(held.map(({ lease }) => lease));
    const keptIds = new Set(kept.map(({ id }) => id));
    for (const one of held) if (!keptIds.has(one.lease.id)) one.work.abort(lost);
  }

  /** Nobody knows what became of these: whoever ran them is gone, or can't reach the store. */
  async #expire(): Promise<void> {
    const { work, random, settle } = this.options;
    const ending = { type: "FAILED", error: "The worker that ran it was lost." } as const;
    const expired = await work.expired(expiredAtATime);
    await Promise.all(
      expired.map(({ id, epoch, requestBytes, ...tried }) =>
        settle({ id, epoch, decision: decide(ending, tried, random), isExpiry: true, requestBytes }),
      ),
    );
  }
}
