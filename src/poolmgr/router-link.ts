/**
 * The stream between a router and the pool manager: what is said on it, in each direction.
 *
 * Slots have one owner: poolmgr grants an instance's slots to routers, and a router admits only against its grants, so a
 * warm call asks nobody and two routers never overfill an instance. Messages carry absolute numbers, never differences,
 * so saying one twice does no harm; a lost stream is opened again and begins anew: the router says what it holds, and a
 * snapshot under a new epoch says what of it stands (docs/decisions/0008).
 */
import type { ErrorCode } from "../errors/codes.js";
import type { RuntimeContract } from "../model/environment.js";

/** Which code a request wants. */
export interface Target {
  readonly functionId: string;
  readonly version: number;
}

/** A specialized instance, as a router needs to know it. */
export interface GrantedInstance extends Target {
  readonly id: string;
  /** host:port */
  readonly address: string;
  /** Sent as X-Fermi-Key with every request: the runtime refuses what lacks it. */
  readonly key: string;
  readonly contract: RuntimeContract;
  /** Requests that this router may have in the instance at a time. */
  readonly slots: number;
}

export type ToRouter =
  /** The answer to HELLO: all that the router may use. What it held and is not in here takes no new request of it. */
  | { readonly type: "SNAPSHOT"; readonly epoch: string; readonly instances: readonly GrantedInstance[] }
  /**
   * An instance is being specialized for requests that wait at this router, and is to have `slots` then. It takes no
   * request until a GRANT comes, but connections to it may be opened. The end is told: a GRANT, be it of no slot, or GONE.
   */
  | { readonly type: "PREPARE"; readonly instance: GrantedInstance }
  /**
   * A new instance, or the number of slots of one. Fewer, or none: the router takes no new request beyond it. Where they are
   * no more than before it answers with a USAGE that names the instance, at once; and while it has requests beyond them,
   * whenever one of this function's version ends, so that poolmgr knows which slots are free. So the same number again is
   * a question.
   */
  | { readonly type: "GRANT"; readonly instance: GrantedInstance }
  /**
   * The instance is about to end: no new request to it from now on. Answered with RELEASED when the last one in flight
   * has ended, at once where there is none or the router knows no such instance.
   */
  | { readonly type: "WITHDRAW"; readonly instanceId: string }
  /**
   * The instance is dead, or never came to be: whatever is in flight there has failed. `why` is what it did, as in "exited
   * with code 1", where that is known; it is told also to routers that suspected it and have nothing of it any more.
   */
  | { readonly type: "GONE"; readonly instanceId: string; readonly why?: string }
  /** Every waiter of the target is to be answered with this now. */
  | {
      readonly type: "REFUSE";
      readonly target: Target;
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryAfterSeconds?: number;
    };

/** What a router has of one instance: `slots` as it was last told, 0 where it was told to use it no more. */
export interface Holding {
  readonly instanceId: string;
  readonly slots: number;
  readonly inFlight: number;
}

/** The first word on a stream. `routerId` names the process, over all its streams. */
export interface Hello {
  readonly type: "HELLO";
  readonly routerId: string;
  readonly holdings: readonly Holding[];
}

export type ToPoolmgr =
  | Hello
  /** `inFlight + waiting` of one target; sent while some wait, at each change of it, and once (waiting 0) when none do any more. */
  | { readonly type: "DEMAND"; readonly target: Target; readonly inFlight: number; readonly waiting: number }
  /** What instances are doing; only of those that changed, every 200 ms at most, and at once where poolmgr waits for it. */
  | { readonly type: "USAGE"; readonly instances: readonly InstanceUsage[] }
  | { readonly type: "RELEASED"; readonly instanceId: string }
  /**
   * No connection could be made, or it broke: poolmgr ends the instance. One that no connection could be made to it tries
   * itself, and where it succeeds the instance stays with the routers that have not said so, as long as there are any.
   */
  | {
      readonly type: "SUSPECT";
      readonly instanceId: string;
      readonly reason: "NO_CONNECTION" | "CRASHED" | "TIMED_OUT";
    }
  /** It has answered a request of this router, which shows that its code runs. Said once on a stream. */
  | { readonly type: "ANSWERED"; readonly instanceId: string }
  /** It has said for seconds on end that it is busy, with no request of this router in it: poolmgr replaces it. */
  | { readonly type: "BLOCKED"; readonly instanceId: string };

export interface InstanceUsage {
  readonly instanceId: string;
  readonly inFlight: number;
  /** Milliseconds since the instance last began or ended a request here. */
  readonly idleMs: number;
}

/** One end of a stream, as the router holds it. */
export interface PoolmgrStream {
  /** Does nothing while there is no connection: what is true then is in HELLO, and told again after the snapshot. */
  send(message: ToPoolmgr): void;
  /** For good: what was granted on it is free. */
  close(): void;
}

export interface StreamListener {
  /** Asked for when there is a connection, to be said first. */
  hello(): Hello;
  /** A SNAPSHOT first. */
  onMessage(message: ToRouter): void;
  /** No message comes any more, or there was no connection at all: open another stream. Called once at most. */
  onLost(cause?: unknown): void;
}

/** How a router reaches the pool manager; in one process a direct call. */
export interface PoolmgrLink {
  open(listener: StreamListener): PoolmgrStream;
}
