/**
 * Who may launch while the machine holds only so many instances: pure. Fair between functions: room goes first to who has
 * waited longest for a first instance, then to whoever holds the fewest. The last place is for functions that have none, so
 * that one whose requests take long can hold everything else and still keeps nobody waiting. `minInstances` that nobody's
 * request waits for come last, and get only what is free. Who makes place is plan-evictions.ts's affair.
 */
import { held, isPoor, isUnserved, isWaiting, nextTurnInMs, planEvictions } from "./plan-evictions.js";
import type { Claimant, Room, Want } from "./room.js";

export interface RoomPlan {
  readonly launches: readonly (Pick<Want, "functionId" | "version" | "isAsked"> & { readonly count: number })[];
  /** Ids of instances to take out of service. */
  readonly evictions: readonly string[];
  /** When to plan again if nothing happens meanwhile; undefined where no request waits for an instance after this. */
  readonly againInMs: number | undefined;
}

/** Places of the machine that are left to functions that have no instance. */
export const reservedPlaces = (maxInstances: number): number => (maxInstances > 1 ? 1 : 0);

export function planRoom(room: Room): RoomPlan {
  const claimants = room.wants.map((want): Claimant => ({ ...want, granted: 0 }));
  let free = room.free;
  for (let next = neediest(claimants); next !== undefined && free > reserved(room, next); next = neediest(claimants)) {
    next.granted++;
    free--;
  }
  const launches = claimants
    .filter(({ granted }) => granted > 0)
    .map(({ functionId, version, isAsked, granted }) => ({ functionId, version, isAsked, count: granted }));
  const evictions = claimants.some(isWaiting) ? planEvictions({ ...room, free }, claimants) : [];
  return { launches, evictions, againInMs: nextTurnInMs(room, claimants) };
}

const reserved = ({ reserve }: Room, claimant: Claimant): number => (isPoor(claimant) ? 0 : reserve);

/** Requests come before `minInstances`. */
function neediest(claimants: readonly Claimant[]): Claimant | undefined {
  return claimants
    .filter(isUnserved)
    .map((claimant) => ({
      claimant,
      rank: claimant.isAsked ? 0 : 1,
      holds: isPoor(claimant) ? -1 : held(claimants, claimant),
    }))
    .sort((a, b) => a.rank - b.rank || a.holds - b.holds || a.claimant.sinceMs - b.claimant.sinceMs)[0]?.claimant;
}
