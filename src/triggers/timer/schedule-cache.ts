import { parseSchedule, type Schedule, type ScheduleText } from "../../model/schedule.js";

const maxKept = 20_000;

/** Reads schedules; many triggers of one schedule cost what one costs, also to find out when they are due next. */
export class ScheduleCache {
  readonly #kept = new Map<string, Schedule>();

  /** Undefined where the schedule, or its time zone, is not understood here. */
  get({ schedule, timezone, armedAt }: ScheduleText): Schedule | undefined {
    const key = schedule.trim().startsWith("@every") ? `${schedule} ${armedAt.getTime()}` : `${schedule} ${timezone}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    try {
      const made = remembering(parseSchedule({ schedule, timezone, armedAt }));
      if (this.#kept.size >= maxKept) this.#kept.clear();
      this.#kept.set(key, made);
      return made;
    } catch {
      return undefined;
    }
  }
}

/** Between two due times the answer to "what is next" is the same. */
function remembering(schedule: Schedule): Schedule {
  let [fromMs, next]: [number, Date | null] = [Infinity, null];
  return {
    last: (until) => schedule.last(until),
    next: (after) => {
      const afterMs = after.getTime();
      if (next !== null && afterMs >= fromMs && afterMs < next.getTime()) return next;
      [fromMs, next] = [afterMs, schedule.next(after)];
      return next;
    },
  };
}
