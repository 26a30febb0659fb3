/**
 * Leadership by a lock in the store, for installations without Kubernetes. The lock is a session's, so it is free as soon
 * as the server sees the holder's connection end or has heard nothing from it for some seconds.
 */
import { setTimeout as delay } from "node:timers/promises";
import { systemClock, type Clock } from "../lib/clock.js";
import type { Leadership } from "../lib/leadership.js";
import { silentLogger, type Logger } from "../lib/logger.js";
import { Seldom } from "../lib/seldom.js";
import { LockSession, lockTiming, type LockTiming } from "./lock-session.js";

export interface AdvisoryLeadershipOptions {
  readonly url: string;
  /** What is led; processes that name the same compete. */
  readonly name: string;
  /** Who this process is, for people. */
  readonly holder: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly timing?: LeadershipTiming;
}

/** The same for all that compete. */
export interface LeadershipTiming extends LockTiming {
  readonly retryMs: number;
  /** How long one answer of the server is relied on. A new holder waits as long, so that the former one knows. */
  readonly validMs: number;
}

/** Another process leads after 12 seconds at most. */
const defaultTiming: LeadershipTiming = { ...lockTiming, retryMs: 1_000, validMs: 5_000 };
/** Timers of Node may be early by a millisecond. */
const timerSlackMs = 10;

type Term = (signal: AbortSignal) => Promise<void>;

export class AdvisoryLeadership implements Leadership {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #trouble: Seldom;
  readonly #timing: LeadershipTiming;
  readonly #stopping = new AbortController();
  #session: LockSession | undefined;
  /** When the server was asked last for what it then confirmed. */
  #confirmedMs = -Infinity;
  /** From when on the lock, which is held, may be relied on. */
  #validFromMs = Infinity;
  #state = "It is not known yet who leads.";
  #running: Promise<void> | undefined;

  constructor(private readonly options: AdvisoryLeadershipOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#trouble = new Seldom(this.#clock);
    this.#logger = options.logger ?? silentLogger;
    this.#timing = options.timing ?? defaultTiming;
  }

  get isHeld(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const isOpen = this.#session?.lost.aborted === false;
    return isOpen && nowMs >= this.#validFromMs && nowMs - this.#confirmedMs < this.#timing.validMs;
  }

  start(term: Term): void {
    this.#running ??= this.#compete(term);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  describe(): string {
    return this.isHeld ? `This process leads (${this.options.holder}).` : this.#state;
  }

  async #compete(term: Term): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const { url, name, holder } = this.options;
      const session = new LockSession({ url, name, holder, ...this.#timing });
      try {
        this.#session = session;
        await session.open();
        this.#trouble.reset();
        if (await this.#waitForLock(session)) await this.#hold(session, term);
      } catch (error) {
        this.#state = "Nobody can be made to lead while the store can't be reached.";
        if (this.#trouble.isDue()) {
          this.#logger.warn({ err: error, name }, "the lock in the store that says who leads can't be had");
        }
      } finally {
        this.#validFromMs = Infinity;
        await session.close();
      }
      await this.#pause(this.#timing.retryMs);
    }
  }

  /** False where this process is being stopped. */
  async #waitForLock(session: LockSession): Promise<boolean> {
    while (!this.#stopping.signal.aborted) {
      const nowMs = this.#clock.monotonicMs();
      const holder = await session.tryLock();
      if (holder === undefined) {
        this.#confirmedMs = nowMs;
        return true;
      }
      this.#state = `Another process leads: ${holder.name}.`;
      await this.#pause(this.#timing.retryMs, session.lost);
      session.lost.throwIfAborted();
    }
    return false;
  }

  async #hold(session: LockSession, term: Term): Promise<void> {
    this.#state = "This process is about to lead.";
    const over = new AbortController();
    const confirming = this.#confirm(session, over.signal);
    try {
      const { validMs } = this.#timing;
      const validFromMs = this.#clock.monotonicMs() + validMs;
      await this.#pause(validMs + timerSlackMs, session.lost);
      if (this.#stopping.signal.aborted || session.lost.aborted) return;
      this.#validFromMs = validFromMs;
      await term(AbortSignal.any([this.#stopping.signal, session.lost]));
    } finally {
      over.abort();
      await confirming;
    }
  }

  /** Until `over`, also while the term is being ended: it ends as the leader's where nothing else has happened. */
  async #confirm(session: LockSession, over: AbortSignal): Promise<void> {
    const until = AbortSignal.any([over, session.lost]);
    while (!until.aborted) {
      if (!(await this.#isConfirmed(session))) session.abandon();
      await pause(this.#timing.confirmEveryMs, until);
    }
  }

  async #isConfirmed(session: LockSession): Promise<boolean> {
    const nowMs = this.#clock.monotonicMs();
    // It was stopped for a while, and another process may have taken over.
    if (nowMs - this.#confirmedMs >= this.#timing.validMs) return false;
    try {
      await session.confirm();
      this.#confirmedMs = nowMs;
      return true;
    } catch (error) {
      this.#logger.warn({ err: error }, "the store has not confirmed that this process leads");
      return false;
    }
  }

  #pause(ms: number, signal?: AbortSignal): Promise<void> {
    return pause(ms, AbortSignal.any([this.#stopping.signal, ...(signal === undefined ? [] : [signal])]));
  }
}

/** Shorter where the signal aborts. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
