/**
 * Keeps a second Fermi from working on a database by itself: each would manage instances as if it were the only one. The
 * lock is the one for which pool managers in processes apart compete.
 */
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "../errors/app-error.js";
import { systemClock, type Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { LockSession, lockTiming, type LockHolder } from "./lock-session.js";
import { storeUnavailable } from "./store-error.js";

export interface DatabaseClaimOptions {
  readonly url: string;
  /** Of the lock. */
  readonly name: string;
  /** Who this process is, for people. */
  readonly holder: string;
  readonly clock?: Clock;
  readonly logger: Logger;
}

const retryMs = 500;
/** One that was killed holds its lock until the server has noticed. */
const freeWithinMs = 10_000;

export class DatabaseClaim {
  readonly #stopping = new AbortController();
  #keeping: Promise<void> | undefined;

  constructor(private readonly options: DatabaseClaimOptions) {}

  /** Resolves when the claim is this process's. Rejects with IN_USE, and says whose it is, where it stays another's. */
  async start(): Promise<void> {
    const { clock = systemClock } = this.options;
    const deadlineMs = clock.monotonicMs() + freeWithinMs;
    for (let first: LockHolder | undefined; ;) {
      const tried = await this.#try();
      if (tried.session !== undefined) {
        this.#keeping = this.#keep(tried.session);
        return;
      }
      const { holder } = tried;
      if (first === undefined) this.#tellThatItWaits((first = holder));
      if (hasSpoken(holder, first) || clock.monotonicMs() > deadlineMs) throw inUse(holder.name);
      await this.#pause(retryMs);
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#keeping;
  }

  #tellThatItWaits({ name: holder }: LockHolder): void {
    const words = `another Fermi has this database; waiting, ${freeWithinMs / 1_000} s at most, for a sign that it lives or is gone`;
    this.options.logger.info({ holder }, words);
  }

  async #try(): Promise<{ session: LockSession } | { session: undefined; holder: LockHolder }> {
    const { url, name, holder: self } = this.options;
    const session = new LockSession({ url, name, holder: self, ...lockTiming });
    try {
      await session.open();
      const holder = await session.tryLock();
      if (holder === undefined) return { session };
      await session.close();
      return { session: undefined, holder };
    } catch (error) {
      await session.close();
      throw storeUnavailable(error);
    }
  }

  /** A store that goes away takes the lock along: it is taken again when the store is back, and the work goes on meanwhile. */
  async #keep(first: LockSession): Promise<void> {
    let session: LockSession | undefined = first;
    while (!this.#stopping.signal.aborted) {
      if (session === undefined) session = await this.#again();
      else if (!(await isConfirmed(session))) session = undefined;
      await this.#pause(lockTiming.confirmEveryMs);
    }
    await session?.close();
  }

  async #again(): Promise<LockSession | undefined> {
    const tried = await this.#try().catch(() => undefined);
    if (tried === undefined || tried.session !== undefined) return tried?.session;
    this.options.logger.error(
      { holder: tried.holder.name },
      "another Fermi works on this database too; stop one of them",
    );
    return undefined;
  }

  #pause(ms: number): Promise<void> {
    return delay(ms, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => undefined);
  }
}

/** It confirms its claim again and again; one that was killed says nothing more. */
const hasSpoken = (now: LockHolder, first: LockHolder): boolean =>
  now.lastWord !== null && first.lastWord !== null && now.lastWord !== first.lastWord;

async function isConfirmed(session: LockSession): Promise<boolean> {
  try {
    await session.confirm();
    return true;
  } catch {
    await session.close();
    return false;
  }
}

const inUse = (holder: string): AppError =>
  new AppError(
    "IN_USE",
    `another Fermi (${holder}) works on this database already; stop it, use another database, or run both as roles that ` +
      "know of each other (FERMI_ROLES, FERMI_POOLMGR_URL)",
  );
