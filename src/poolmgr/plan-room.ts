/**
 * Who may launch while the machine holds only so many instances: pure. Fair between functions: room goes first to who has
 * waited longest for a first instance, then to whoever holds the fewest. Who makes place is plan-evictions.ts's affair.
 */
import { held, isPoor, isUnserved, nextTurnInMs, planEvictions } from "./plan-evictions.js";
import type { Claimant, Room } from "./room.js";

export interface RoomPlan {
  readonly launches: readonly { readonly functionId: string; readonly version: number; readonly count: number }[];
  /** Ids of instances to take out of service. */
  readonly evictions: readonly string[];
  /** When to plan again if nothing happens meanwhile; undefined where nobody lacks anything after this. */
  readonly againInMs: number | undefined;
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
