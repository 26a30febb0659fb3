import type { Schedule } from "../../model/schedule.js";
import type { TimeTrigger } from "../../model/trigger.js";

/** A call that begins within this time of its due time is on time; what is later was missed. */
export const toleranceMs = 5_000;

export interface FiringPlan {
  /** The due time to run now. */
  readonly fireMs: number | null;
  /** The last due time that is dealt with thereby. */
  readonly sinceMs: number;
}

type Policy = Pick<TimeTrigger, "onMissed" | "missedWindowSeconds">;

/**
 * What is to be done of a trigger at this moment, if all its due times until `sinceMs` were dealt with. Each due time that
 * is on time is run by itself; of those that were missed the last is, or none.
 */
export function planFiring(schedule: Schedule, policy: Policy, sinceMs: number, nowMs: number): FiringPlan {
  const next = schedule.next(new Date(sinceMs))?.getTime() ?? Infinity;
  if (next > nowMs) return { fireMs: null, sinceMs };
  if (nowMs - next <= toleranceMs) return { fireMs: next, sinceMs: next };
  const last = schedule.last(new Date(nowMs))?.getTime() ?? next;
  const lateMs = nowMs - last;
  return { fireMs: lateMs <= toleranceMs || isMadeUp(policy, lateMs) ? last : null, sinceMs: last };
}

/** Whether a due time that has waited long for its turn is to be run yet, as one that was missed is: the last one only. */
export function isStillToRun(schedule: Schedule, policy: Policy, dueMs: number, nowMs: number): boolean {
  const next = schedule.next(new Date(dueMs))?.getTime() ?? Infinity;
  return next > nowMs && isMadeUp(policy, nowMs - dueMs);
}

const isMadeUp = ({ onMissed, missedWindowSeconds }: Policy, lateMs: number): boolean =>
  onMissed === "RUN_ONCE" && lateMs <= missedWindowSeconds * 1_000;
