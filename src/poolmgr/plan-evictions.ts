/**
 * Which instances give way to requests that wait while the machine is full: pure. What is idle goes at once; where all are
 * busy, functions take turns; and a function that holds much more than one that waits gives up one instance after another.
 * What `minInstances` keep is the last to go, but goes: a promise of speed to one does not keep others from being served.
 * For `minInstances`' sake nobody gives way.
 * An eviction harms nobody: the instance takes no new request, and ends after those it has.
 */
import { idlestFirst } from "./plan-scaling.js";
import type { Claimant, Occupant, Room } from "./room.js";

/** How long a function keeps its last instance while another one waits for its first. */
export const turnMs = 250;

export function planEvictions(room: Room, claimants: readonly Claimant[]): string[] {
  const { draining, occupants } = room;
  const idle = idleEvictions(room, claimants);
  const turns = turnEvictions(room, claimants, idle);
  const evictions = [...idle, ...turns];
  if (evictions.length > 0 || draining.idle + draining.busy > 0) return evictions;
  const holdings = claimants.filter(isWaiting).map((claimant) => held(claimants, claimant));
  return holdings.length === 0 ? [] : takeFromRichest(occupants, Math.min(...holdings));
}

/** Without an instance, and with callers that wait. */
export const isPoor = ({ isAsked, serving, granted }: Claimant): boolean => isAsked && serving + granted === 0;

export const isUnserved = ({ granted, count }: Claimant): boolean => granted < count;

/** Requests of it wait for more instances than it was given. */
export const isWaiting = (claimant: Claimant): boolean => claimant.isAsked && isUnserved(claimant);

/** What a function holds and was just given, over all its versions. */
export const held = (claimants: readonly Claimant[], { functionId, holding }: Claimant): number =>
  claimants.reduce((sum, other) => sum + (other.functionId === functionId ? other.granted : 0), holding);

/** When a turn ends that keeps somebody waiting; undefined where nobody waits. */
export function nextTurnInMs({ nowMs, wants, occupants }: Room, claimants: readonly Claimant[]): number | undefined {
  if (!claimants.some(isWaiting)) return undefined;
  const ages = [...wants.map(({ sinceMs }) => nowMs - sinceMs), ...occupants.flatMap((o) => [o.ageMs, o.idleMs])];
  return turnMs - Math.max(0, ...ages.filter((ms) => ms < turnMs));
}

/** The first instance of a function with callers comes at anyone's cost who is idle; a further one, of who is for a turn. */
function idleEvictions(room: Room, claimants: readonly Claimant[]): Occupant["id"][] {
  const { occupants, draining, free, reserve } = room;
  const waiting = claimants.filter(isWaiting);
  const comesFree = Math.max(0, free) + draining.idle;
  const lacking = waiting.reduce((sum, { count, granted }) => sum + count - granted, 0) + reserve - comesFree;
  const firsts = waiting.filter(isPoor).length - comesFree;
  const idle = keptLast(occupants.filter((occupant) => isIdle(occupant, waiting)))
    .filter(({ idleMs, isKept }, index) => index < firsts || (!isKept && index < lacking && idleMs >= turnMs))
    .map(({ id }) => id);
  // What comes free within the reserve is of no use to a further instance.
  return idle.length > firsts + reserve ? idle : idle.slice(0, Math.max(0, firsts));
}

/** The idlest first; of what `minInstances` keep, a function's last one after those of which it has more. */
function keptLast(occupants: readonly Occupant[]): Occupant[] {
  const kept = byTarget(occupants.filter(({ isKept }) => isKept)).map(idlestFirst);
  return [
    ...idlestFirst(occupants.filter(({ isKept }) => !isKept)),
    ...idlestFirst(kept.flatMap((siblings) => siblings.slice(0, -1))),
    ...idlestFirst(kept.flatMap((siblings) => siblings.slice(-1))),
  ];
}

/** A new instance of which no router has said anything yet may have got a request. */
function isIdle({ functionId, version, inFlight, ...occupant }: Occupant, waiting: readonly Claimant[]): boolean {
  const isWanted = waiting.some((want) => want.functionId === functionId && want.version === version);
  const isKnown = occupant.isReported || occupant.ageMs >= turnMs;
  return !isWanted && inFlight === 0 && isKnown;
}

/** One instance for everyone who has waited a turn for the first, less what is about to come free. */
function turnEvictions(
  { nowMs, occupants, draining }: Room,
  claimants: readonly Claimant[],
  evicted: readonly string[],
): string[] {
  const due = claimants.filter((claimant) => isPoor(claimant) && nowMs - claimant.sinceMs >= turnMs);
  const missing = due.length - draining.idle - draining.busy - evicted.length;
  if (missing <= 0) return [];
  return inTurn(occupants.filter(({ id }) => !evicted.includes(id)))
    .slice(0, missing)
    .map(({ id }) => id);
}

/** Who may be asked to give way, in order: of many the least busy, then last ones, whoever has had its turn for longest. */
function inTurn(occupants: readonly Occupant[]): Occupant[] {
  const several = [...byTarget(occupants)].flatMap((siblings) => idlestFirst(siblings).slice(0, -1));
  const lasts = [...byTarget(occupants)].flatMap((siblings) => idlestFirst(siblings).slice(-1));
  const isDue = ({ ageMs }: Occupant): boolean => ageMs >= turnMs;
  return [...keptLast(several), ...lasts.filter(isDue).sort((a, b) => b.ageMs - a.ageMs)];
}

/** One instance, and only where both are closer to equal afterwards. */
function takeFromRichest(occupants: readonly Occupant[], poorestHolds: number): string[] {
  const [richest] = byKey(occupants, ({ functionId }) => functionId).sort((a, b) => b.length - a.length);
  if (richest === undefined || richest.length < poorestHolds + 2) return [];
  return keptLast(richest)
    .slice(0, 1)
    .map(({ id }) => id);
}

const byTarget = (occupants: readonly Occupant[]): Occupant[][] =>
  byKey(occupants, ({ functionId, version }) => `${functionId}@${version}`);

function byKey(occupants: readonly Occupant[], key: (occupant: Occupant) => string): Occupant[][] {
  const groups = new Map<string, Occupant[]>();
  for (const occupant of occupants) {
    const siblings = groups.get(key(occupant));
    if (siblings === undefined) groups.set(key(occupant), [occupant]);
    else siblings.push(occupant);
  }
  return [...groups.values()];
}
