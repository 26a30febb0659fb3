/** What asynchronous invocations need of the store; src/store fulfils it. */
import type { NewAsyncInvocation } from "../model/async-invocation.js";
import type { Accepted, Backlog, Expired, KeptResult, Lease, Leased, Settlement } from "../model/async-work.js";
import type { Invocation } from "../model/invocation.js";
import type { InvocationFilter } from "../model/record-filter.js";

/** How callers put work in and look after it. */
export interface AsyncStore {
  /** Stores all or rejects; the answers are in the order of what was given. */
  enqueue(given: readonly NewAsyncInvocation[]): Promise<Accepted[]>;
  /** Undefined where it is none that could be cancelled. */
  cancel(id: string): Promise<Invocation | undefined>;
  /** Undefined where it is not DEAD. */
  redrive(id: string): Promise<Invocation | undefined>;
  /** The oldest DEAD ones that match, at most `limit`; how many. */
  redriveAll(filter: InvocationFilter, limit: number): Promise<number>;
  isAsync(id: string): Promise<boolean>;
  /** For who has the secret that was given when it was accepted. */
  findByToken(id: string, token: string): Promise<Invocation | undefined>;
  results(ids: readonly string[]): Promise<Map<string, KeptResult>>;
}

/** How workers take work out. */
export interface AsyncWork {
  /** Functions with something to begin now, in the order of their ids, from after this one. */
  backlog(after: string, functions: number, perFunction: number): Promise<Backlog[]>;
  lease(wanted: readonly { readonly functionId: string; readonly count: number }[], leaseMs: number): Promise<Leased[]>;
  /** Functions have these now: where they are still held, it shows. */
  begun(held: readonly Lease[]): Promise<void>;
  /** Those that are held yet; it changes nothing. */
  held(leases: readonly Lease[]): Promise<Lease[]>;
  /** Those that are held yet, and now for longer. */
  renew(held: readonly Lease[], leaseMs: number): Promise<Lease[]>;
  /** The ids of those that were in force: all in one transaction. */
  settle(settlements: readonly Settlement[]): Promise<string[]>;
  expired(limit: number): Promise<Expired[]>;
  isLiving(functionId: string): Promise<boolean>;
}
