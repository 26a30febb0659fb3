/** When a time trigger is due: cron, the short forms of cron, and `@every`. Pure: time is an argument. */
import { Cron } from "croner";
import { rule, type Fault } from "./fault.js";

export interface Schedule {
  /** The first due time after this moment; null where none ever comes. */
  next(after: Date): Date | null;
  /** The last due time that is not after this moment; null where there was none. */
  last(until: Date): Date | null;
}

export interface ScheduleText {
  readonly schedule: string;
  readonly timezone: string;
  /** From where `@every` counts. */
  readonly armedAt: Date;
}

const maxCharacters = 200;
const everyLimits = { minSeconds: 1, maxSeconds: 366 * 86_400 };

/** Throws where the schedule or its time zone is not understood; `scheduleFault` says why. */
export function parseSchedule({ schedule, timezone, armedAt }: ScheduleText): Schedule {
  const everyMs = parseEvery(schedule);
  return everyMs === undefined ? parseCron(schedule, timezone) : every(everyMs, armedAt.getTime());
}

/** Undefined where it is not understood. */
export function scheduleOf(text: ScheduleText): Schedule | undefined {
  try {
    return parseSchedule(text);
  } catch {
    return undefined;
  }
}

/** The next `count` due times after a moment. */
export function dueTimes(schedule: Schedule, after: Date, count: number): Date[] {
  const times: Date[] = [];
  for (let at = after; times.length < count;) {
    const next = schedule.next(at);
    if (next === null) break;
    times.push(next);
    at = next;
  }
  return times;
}

/** What is wrong with a schedule, at the moment when it is to come into force. */
export function scheduleFault({ schedule, timezone, armedAt }: ScheduleText): Fault | undefined {
  return (
    rule(isTimezone(timezone), "timezone", "must be a time zone of the IANA database, such as UTC or Europe/Berlin") ??
    schedulePartsFault(schedule, timezone) ??
    rule(
      parseSchedule({ schedule, timezone, armedAt }).next(armedAt) !== null,
      "schedule",
      "must come due some time: no such day is in any year to come",
    )
  );
}

const forms = "five or six cron fields such as */5 * * * *, @hourly or the like, or @every 90s";
const fieldNames = ["second", "minute", "hour", "day of the month", "month", "day of the week"];

function schedulePartsFault(schedule: string, timezone: string): Fault | undefined {
  const fault = (message: string): Fault => ({ field: "schedule", message: `must be ${forms}${message}` });
  if (isUnderstood(schedule, timezone)) return undefined;
  if (/^\s*@every\b/i.test(schedule)) {
    return fault("; the time after @every is of hours, minutes and seconds, 1s to 8784h, such as 1h30m");
  }
  const fields = schedule.trim().split(/\s+/);
  const names = fieldNames.slice(-fields.length);
  if (schedule.length > maxCharacters || names.length !== fields.length || names.length < 5) return fault("");
  const wrong = fields.findIndex((field, at) => !isUnderstood(alone(field, at, fields.length), timezone));
  return fault(wrong < 0 ? "" : `; field ${wrong + 1}, the ${names[wrong] ?? ""}, ${whatIsWrong(fields[wrong] ?? "")}`);
}

/** Numbers of months and of days of the week by their names; the two have no name in common. */
const namedNumbers: Readonly<Record<string, number>> = Object.fromEntries(
  ["jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec", "mon,tue,wed,thu,fri,sat,sun"].flatMap((names) =>
    names.split(",").map((name, at) => [name, at + 1]),
  ),
);

function whatIsWrong(field: string): string {
  const numberOf = (text: string): number => namedNumbers[text.toLowerCase()] ?? Number(text);
  for (const [range, from = "", to = ""] of field.matchAll(/(\w+)-(\w+)/g)) {
    if (numberOf(from) > numberOf(to))
      return `has the range ${range}, which runs backwards: name it in two, with a comma`;
  }
  return "is not understood";
}

/** The field in its place, with a star in all others. */
const alone = (field: string, place: number, count: number): string =>
  Array.from({ length: count }, (_, at) => (at === place ? field : "*")).join(" ");

const isUnderstood = (schedule: string, timezone: string): boolean =>
  scheduleOf({ schedule, timezone, armedAt: epoch }) !== undefined;

const epoch = new Date(0);

export function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

function parseCron(text: string, timezone: string): Schedule {
  // The library would also take one moment, written as a date.
  const isCron = text.length <= maxCharacters && (text.trim().startsWith("@") || text.trim().split(/\s+/).length >= 5);
  if (!isCron || !isTimezone(timezone)) throw new RangeError("not a schedule, or not a time zone");
  // Never started, so it has no timer. Sloppy ranges are the `5/15` that other crons know.
  const cron = new Cron(text, { paused: true, timezone, mode: "5-or-6-parts", sloppyRanges: true });
  return {
    next: (after) => cron.nextRun(after),
    last: (until) => cron.previousRuns(1, new Date(until.getTime() + 1))[0] ?? null,
  };
}

/** Milliseconds between two runs; undefined where it is no `@every`. */
function parseEvery(text: string): number | undefined {
  const match = /^@every\s+(?=\d)(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const [hours, minutes, seconds] = [match[1], match[2], match[3]].map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
  ];
  const total = hours * 3_600 + minutes * 60 + seconds;
  return total >= everyLimits.minSeconds && total <= everyLimits.maxSeconds ? total * 1_000 : undefined;
}

function every(everyMs: number, fromMs: number): Schedule {
  const runsUntil = (moment: Date): number => Math.max(0, Math.floor((moment.getTime() - fromMs) / everyMs));
  const run = (number: number): Date => new Date(fromMs + number * everyMs);
  return {
    next: (after) => run(runsUntil(after) + 1),
    last: (until) => (runsUntil(until) === 0 ? null : run(runsUntil(until))),
  };
}
