/**
 * The stream between a router and the pool manager: what is said on it, in each direction.
 *
 * Slots have one owner: poolmgr grants an instance's slots to routers, and a router admits only against its grants, so a
 * warm call asks nobody and two routers never overfill an instance. Messages carry absolute numbers, never differences,
 * so saying one twice does no harm; a lost stream is opened again and begins with a snapshot under a new epoch.
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
  /** All that the router may use; what it knew before and is not in here is gone. */
  | { readonly type: "SNAPSHOT"; readonly epoch: string; readonly instances: readonly GrantedInstance[] }
  /**
   * A new instance, or a new number of slots of one. Fewer, or none: the router takes no new request beyond it, and answers
   * with a USAGE that names the instance, at once and again at every change, so that poolmgr knows which slots are free.
   */
  | { readonly type: "GRANT"; readonly instance: GrantedInstance }
  /**
   * The instance is about to end: no new request to it from now on. Answered with RELEASED when the last one in flight
   * has ended, at once where there is none or the router knows no such instance.
   */
  | { readonly type: "WITHDRAW"; readonly instanceId: string }
  /** The instance is dead: whatever is in flight there has failed. */
  | { readonly type: "GONE"; readonly instanceId: string }
  /** Every waiter of the target is to be answered with this now. */
  | {
      readonly type: "REFUSE";
      readonly target: Target;
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryAfterSeconds?: number;
    };

export type ToPoolmgr =
  /** `inFlight + waiting` of one target; sent while some wait, at each change of it, and once (waiting 0) when none do any more. */
  | { readonly type: "DEMAND"; readonly target: Target; readonly inFlight: number; readonly waiting: number }
  /** What instances are doing; sent at most every 200 ms, only for those that changed. */
  | { readonly type: "USAGE"; readonly instances: readonly InstanceUsage[] }
  | { readonly type: "RELEASED"; readonly instanceId: string }
  /** No connection could be made, or it broke: poolmgr looks whether the instance lives and ends it. */
  | {
      readonly type: "SUSPECT";
      readonly instanceId: string;
      readonly reason: "NO_CONNECTION" | "CRASHED" | "TIMED_OUT";
    };

export interface InstanceUsage {
  readonly instanceId: string;
  readonly inFlight: number;
  /** Milliseconds since the instance last began or ended a request here. */
  readonly idleMs: number;
}

/** One end of an open stream, as the router holds it. */
export interface PoolmgrStream {
  send(message: ToPoolmgr): void;
  close(): void;
}

/** How a router reaches the pool manager; in one process a direct call. Delivers a SNAPSHOT first. `onLost`: open again. */
export interface PoolmgrLink {
  open(onMessage: (message: ToRouter) => void, onLost: () => void): PoolmgrStream;
}
