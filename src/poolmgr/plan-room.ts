/**
 * Who may launch while the machine holds only so many instances: pure. Fair between functions: room goes first to who has
 * waited longest for a first instance, then to whoever holds the fewest. Who makes place is plan-evictions.ts's affair.
 */
import { held, isPoor, isUnserved, nextTurnInMs, planEvictions } from "./plan-evictions.js";

/** What one version of a function still lacks. */
export interface Want {
  readonly functionId: string;
  readonly version: number;
  readonly count: number;
  /** Requests wait for it; else it is only `minInstances` that are missing. */
  readonly isAsked: boolean;
  /** Instances of this version that serve or soon will. */
  readonly serving: number;
  /** Instances that the function holds, from claim to end. */
  readonly holding: number;
  /** When it began to lack them: the longer, the sooner. */
  readonly sinceMs: number;
}

/** A READY instance, as a candidate to give way. */
export interface Occupant {
  readonly id: string;
  readonly functionId: string;
  readonly version: number;
  /** As far as routers have said. */
  readonly inFlight: number;
  readonly idleMs: number;
  /** Since it was ready. */
  readonly ageMs: number;
  /** A router has said what it does. */
  readonly isReported: boolean;
  /** It is one of its function's `minInstances`. */
  readonly isKept: boolean;
}

export interface Room {
  readonly nowMs: number;
  /** Instances that may still be claimed; negative where the bound was lowered. */
  readonly free: number;
  /** Instances on their way out that have no request left, and those that have and were sent out less than a turn ago. */
  readonly draining: { readonly idle: number; readonly busy: number };
  readonly wants: readonly Want[];
  readonly occupants: readonly Occupant[];
}

export interface RoomPlan {
  readonly launches: readonly { readonly functionId: string; readonly version: number; readonly count: number }[];
  /** Ids of instances to take out of service. */
  readonly evictions: readonly string[];
  /** When to plan again if nothing happens meanwhile; undefined where nobody lacks anything after this. */
  readonly againInMs: number | undefined;
}

export interface Claimant extends Want {
  granted: number;
}

export function planRoom(room: Room): RoomPlan {
  const claimants = room.wants.map((want): Claimant => ({ ...want, granted: 0 }));
  let free = room.free;
  for (let next = neediest(claimants); next !== undefined && free > 0; next = neediest(claimants)) {
    next.granted++;
    free--;
  }
  const launches = claimants
    .filter(({ granted }) => granted > 0)
    .map(({ functionId, version, granted }) => ({ functionId, version, count: granted }));
  const evictions = claimants.some(isUnserved) ? planEvictions(room, claimants) : [];
  return { launches, evictions, againInMs: nextTurnInMs(room, claimants) };
}

function neediest(claimants: readonly Claimant[]): Claimant | undefined {
  return claimants
    .filter(isUnserved)
    .map((claimant) => ({ claimant, holds: isPoor(claimant) ? -1 : held(claimants, claimant) }))
    .sort((a, b) => a.holds - b.holds || a.claimant.sinceMs - b.claimant.sinceMs)[0]?.claimant;
}
