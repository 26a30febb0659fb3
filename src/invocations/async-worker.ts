/**
 * Runs asynchronous invocations: takes leases, calls the functions, and settles what became of it. Any number of workers
 * run side by side. Whatever happens to one, the store is right: a lease that is not renewed runs out, and who comes late
 * with the end of an attempt that is no longer his is refused.
 */
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { ResyncLoop } from "../lib/resync-loop.js";
import { Seldom } from "../lib/seldom.js";
import type { Stoppable } from "../lib/stoppable.js";
import type { Leased } from "../model/async-work.js";
import type { Check } from "../model/check.js";
import { attempt, type AttemptParts } from "./attempt.js";
import type { AsyncWork } from "./async-queue.js";
import { BeginningNotes } from "./beginning-notes.js";
import { LeaseKeeper, stopped } from "./lease-keeper.js";
import { Paces } from "./pace.js";
import { planShares } from "./plan-shares.js";
import { Settler } from "./settler.js";

export interface AsyncWorkerOptions {
  readonly work: AsyncWork;
  readonly invoker: AttemptParts["invoker"];
  /** Whether calls have anywhere to go yet. */
  readonly isReachable: () => boolean;
  /** Resolves when there may be something to begin; soon in any case. */
  readonly workMayWait: (signal: AbortSignal) => Promise<void>;
  /** Resolves when something may have been called off; soon in any case. */
  readonly cancelled: (signal: AbortSignal) => Promise<void>;
  /** How many attempts go on at a time. */
  readonly concurrency: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly leaseMs?: number;
}

const pollMs = 500;
const functionsAtATime = 200;
const firstId = "00000000-0000-0000-0000-000000000000";

export class AsyncWorker implements Stoppable {
  readonly #options: Required<AsyncWorkerOptions>;
  readonly #paces: Paces;
  readonly #leases: LeaseKeeper;
  readonly #settler: Settler;
  readonly #beginnings: BeginningNotes;
  readonly #rounds: ResyncLoop;
  readonly #stopping = new AbortController();
  readonly #trouble: Seldom;
  #isDraining = false;
  #after = firstId;

  constructor(options: AsyncWorkerOptions) {
    this.#options = { leaseMs: 15_000, ...options };
    const { work, clock, logger, random, leaseMs, concurrency } = this.#options;
    this.#paces = new Paces(() => clock.monotonicMs(), concurrency);
    this.#settler = new Settler({ work, clock, logger, signal: this.#stopping.signal });
    this.#beginnings = new BeginningNotes(work, logger);
    this.#leases = new LeaseKeeper({ work, clock, random, leaseMs, settle: (one) => this.#settler.settle(one) });
    this.#rounds = new ResyncLoop(() => this.#round(), pollMs, clock);
    this.#trouble = new Seldom(clock);
  }

  start(): void {
    const { workMayWait, cancelled } = this.#options;
    void this.#follow(workMayWait, () => this.#rounds.ask());
    // While the store is away nothing can be called off.
    void this.#follow(cancelled, () => this.#leases.look().catch(() => undefined));
    this.#leases.start();
  }

  /** Begins nothing any more, and goes on with what it has begun. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Lets attempts finish for so long, breaks off the rest and gives their leases back. */
  async stop(graceMs = 0): Promise<void> {
    this.drain();
    await this.#rounds.stop();
    await this.#leases.finish(graceMs);
    await this.#leases.stop();
    this.#stopping.abort();
  }

  check(): Check {
    const { failingMs } = this.#settler;
    const message =
      failingMs === 0
        ? `${this.#leases.size} of at most ${this.#options.concurrency} asynchronous invocations run here.`
        : `What became of asynchronous invocations could not be noted for ${Math.round(failingMs / 1_000)} s.`;
    return { name: "asynchronous invocations", ok: failingMs === 0, message };
  }

  /** Every follower has a signal of its own: by it the store knows what he has seen. */
  async #follow(wait: (signal: AbortSignal) => Promise<void>, then: () => Promise<void>): Promise<void> {
    const signal = AbortSignal.any([this.#stopping.signal]);
    const isOver = (): boolean => signal.aborted;
    while (!isOver()) {
      await wait(signal);
      if (!isOver()) await then();
    }
  }

  async #round(): Promise<void> {
    const { isReachable, work, leaseMs, concurrency } = this.#options;
    const free = concurrency - this.#leases.size;
    if (this.#isDraining || free <= 0 || !isReachable()) return;
    try {
      const backlog = await work.backlog(this.#after, functionsAtATime, free);
      this.#after = backlog.length < functionsAtATime ? firstId : (backlog.at(-1)?.functionId ?? firstId);
      const shares = planShares(
        backlog.map(({ functionId, due }) => ({
          ...{ functionId, due },
          running: this.#paces.running(functionId),
          limit: this.#paces.limit(functionId),
        })),
        free,
      );
      this.#paces.sweep();
      if (shares.length === 0) return;
      for (const leased of await work.lease(shares, leaseMs)) this.#begin(leased);
      this.#trouble.reset();
    } catch (error) {
      if (this.#trouble.isDue()) this.#options.logger.warn({ err: error }, "no asynchronous invocation can be begun");
      throw error;
    }
  }

  #begin(leased: Leased): void {
    const { invoker, work, random } = this.#options;
    const step = this.#paces.begin(leased.functionId);
    const note = this.#beginnings.of(leased);
    const onBegun = (): void => {
      step.hasRoom();
      note.begun();
    };
    const parts = { invoker, random, isLiving: (id: string) => work.isLiving(id), onBegun };
    this.#leases.run(leased, async (signal) => {
      const { settlement, felt } = await attempt(parts, leased, signal);
      note.over();
      step.end(felt);
      // Whose lease is lost has nothing to say.
      if (!signal.aborted || signal.reason === stopped) await this.#settler.settle(settlement);
      void this.#rounds.ask();
    });
  }
}
