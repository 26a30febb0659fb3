/**
 * Who may launch while the machine holds only so many instances: pure. Fair between functions: room goes to whoever holds
 * the fewest instances; what is idle makes place for what is asked for; and a function that holds much more than one that
 * waits gives up one instance after another, each after its requests have ended.
 */
import { idlestFirst } from "./plan-scaling.js";

/** What one version of a function still lacks. */
export interface Want {
  readonly functionId: string;
  readonly version: number;
  readonly count: number;
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
  readonly inFlight: number;
  readonly idleMs: number;
  /** It is one of its function's `minInstances`. */
  readonly isKept: boolean;
}

export interface Room {
  /** Instances that may still be claimed; negative where the bound was lowered. */
  readonly free: number;
  /** Instances on their way out that have no request left, and those that have. */
  readonly draining: { readonly idle: number; readonly busy: number };
  readonly wants: readonly Want[];
  readonly occupants: readonly Occupant[];
}

export interface RoomPlan {
  readonly launches: readonly { readonly functionId: string; readonly version: number; readonly count: number }[];
  /** Ids of instances to take out of service. */
  readonly evictions: readonly string[];
}

/** An instance that did something within this time is not evicted: it may have got a request that is not reported yet. */
export const evictableAfterMs = 1_000;

interface Claimant extends Want {
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
  return { launches, evictions: planEvictions(room, claimants) };
}

/** Room a function was given counts for all its versions. */
const share = (claimants: readonly Claimant[], { functionId, holding }: Claimant): number =>
  claimants.reduce((sum, other) => sum + (other.functionId === functionId ? other.granted : 0), holding);

function neediest(claimants: readonly Claimant[]): Claimant | undefined {
  return claimants
    .filter(({ granted, count }) => granted < count)
    .map((claimant) => ({ claimant, holds: share(claimants, claimant) }))
    .sort((a, b) => a.holds - b.holds || a.claimant.sinceMs - b.claimant.sinceMs)[0]?.claimant;
}

function planEvictions(room: Room, claimants: readonly Claimant[]): string[] {
  const lacking = claimants.reduce((sum, { count, granted }) => sum + count - granted, 0);
  const missing = lacking - room.draining.idle;
  if (missing <= 0) return [];
  const idle = idlestFirst(room.occupants.filter((occupant) => isEvictable(occupant, claimants)));
  if (idle.length > 0) return idle.slice(0, missing).map(({ id }) => id);
  if (room.draining.idle + room.draining.busy > 0) return [];
  const poorest = neediest(claimants);
  return poorest === undefined ? [] : takeFromRichest(room.occupants, share(claimants, poorest));
}

function isEvictable(
  { functionId, version, inFlight, idleMs, isKept }: Occupant,
  claimants: readonly Claimant[],
): boolean {
  const isWanted = claimants.some((want) => want.functionId === functionId && want.version === version);
  return !isWanted && !isKept && inFlight === 0 && idleMs >= evictableAfterMs;
}

/** One instance, and only where both are closer to equal afterwards. */
function takeFromRichest(occupants: readonly Occupant[], poorestHolds: number): string[] {
  const byFunction = new Map<string, Occupant[]>();
  for (const occupant of occupants) {
    const siblings = byFunction.get(occupant.functionId);
    if (siblings === undefined) byFunction.set(occupant.functionId, [occupant]);
    else siblings.push(occupant);
  }
  const [richest] = [...byFunction.values()].sort((a, b) => b.length - a.length);
  if (richest === undefined || richest.length < poorestHolds + 2) return [];
  return idlestFirst(richest.filter(({ isKept }) => !isKept))
    .slice(0, 1)
    .map(({ id }) => id);
}
