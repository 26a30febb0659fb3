import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { dueTimes, isTimezone, parseSchedule, scheduleFault, scheduleOf } from "../../../src/model/schedule.js";

const armedAt = new Date("2026-01-01T00:00:00.000Z");

/** The next due times after a moment, without what they have in common. */
const due = (schedule: string, timezone: string, after: string, count: number): string[] =>
  dueTimes(parseSchedule({ schedule, timezone, armedAt }), new Date(after), count).map((at) =>
    at.toISOString().slice(5, 16),
  );

describe("a schedule", () => {
  it.each([
    ["*/20 * * * *", ["01-01T00:20", "01-01T00:40", "01-01T01:00"]],
    ["5/20 * * * *", ["01-01T00:05", "01-01T00:25", "01-01T00:45"]],
    ["0 0 12 * * *", ["01-01T12:00", "01-02T12:00", "01-03T12:00"]],
    ["0 8-9 * * MON-FRI", ["01-01T08:00", "01-01T09:00", "01-02T08:00"]],
    ["0 0 1 feb,Apr *", ["02-01T00:00", "04-01T00:00", "02-01T00:00"]],
    ["0 0 L * *", ["01-31T00:00", "02-28T00:00", "03-31T00:00"]],
    ["0 0 15W * *", ["01-15T00:00", "02-16T00:00", "03-16T00:00"]],
    ["0 0 LW * *", ["01-30T00:00", "02-27T00:00", "03-31T00:00"]],
    ["0 0 * * fri#2", ["01-09T00:00", "02-13T00:00", "03-13T00:00"]],
    ["0 0 * * 5L", ["01-30T00:00", "02-27T00:00", "03-27T00:00"]],
    ["0 12 ? * sat-sun", ["01-03T12:00", "01-04T12:00", "01-10T12:00"]],
    ["@midnight", ["01-02T00:00", "01-03T00:00", "01-04T00:00"]],
    ["@annually", ["01-01T00:00", "01-01T00:00", "01-01T00:00"]],
    ["0 0 * * 7", ["01-04T00:00", "01-11T00:00", "01-18T00:00"]],
    ["0 0 13 * 5", ["01-02T00:00", "01-09T00:00", "01-13T00:00"]],
    ["@hourly", ["01-01T01:00", "01-01T02:00", "01-01T03:00"]],
    ["@daily", ["01-02T00:00", "01-03T00:00", "01-04T00:00"]],
    ["@weekly", ["01-04T00:00", "01-11T00:00", "01-18T00:00"]],
    ["@monthly", ["02-01T00:00", "03-01T00:00", "04-01T00:00"]],
    ["@yearly", ["01-01T00:00", "01-01T00:00", "01-01T00:00"]],
    ["@every 90s", ["01-01T00:01", "01-01T00:03", "01-01T00:04"]],
    ["@every 1h30m", ["01-01T01:30", "01-01T03:00", "01-01T04:30"]],
  ])("of %s is due as cron has it", (schedule, times) => {
    expect(due(schedule, "UTC", "2026-01-01T00:00:00Z", 3)).toEqual(times);
  });

  it("is meant in its time zone", () => {
    expect(due("0 9 * * *", "America/New_York", "2026-01-01T00:00:00Z", 1)).toEqual(["01-01T14:00"]);
    expect(due("0 9 * * *", "America/New_York", "2026-07-01T00:00:00Z", 1)).toEqual(["07-01T13:00"]);
  });

  it("of a single time of day that is left out by daylight saving is due where the gap ends", () => {
    expect(due("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2)).toEqual(["03-29T01:00", "03-30T00:30"]);
    expect(due("30 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", 2)).toEqual(["09-06T04:00", "09-07T03:30"]);
  });

  it("of repeated times in a gap is not due in it", () => {
    expect(due("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 1)).toEqual(["03-30T00:00"]);
    expect(due("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2)).toEqual(["03-29T00:30", "03-29T01:30"]);
  });

  it("of a single time of day that comes twice is due at the first", () => {
    expect(due("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)).toEqual(["10-25T00:30", "10-26T01:30"]);
    expect(due("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T20:00:00Z", 2)).toEqual(["04-04T14:45", "04-05T15:15"]);
  });

  it("of repeated times in an hour that comes twice is due in both", () => {
    expect(due("*/30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 5)).toEqual([
      ...["10-25T00:00", "10-25T00:30", "10-25T01:00", "10-25T01:30", "10-26T01:00"],
    ]);
    expect(due("15 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3)).toEqual([
      ...["10-25T00:15", "10-25T01:15", "10-25T02:15"],
    ]);
  });

  it("of @every counts from when it came into force, whatever the time zone does", () => {
    const schedule = parseSchedule({ schedule: "@every 1h", timezone: "Europe/Berlin", armedAt: new Date(17) });
    expect(schedule.next(new Date(0))?.getTime()).toBe(3_600_017);
    expect(schedule.next(new Date(3_600_016))?.getTime()).toBe(3_600_017);
    expect(schedule.next(new Date(3_600_017))?.getTime()).toBe(7_200_017);
  });

  it("is told to be wrong without being repeated", () => {
    for (const schedule of ["secret", "secret * * * *", "* * * * secret", "@every secret", "1 2 3", "0 25 * * *"]) {
      const fault = scheduleFault({ schedule, timezone: "UTC", armedAt });
      expect(fault?.field).toBe("schedule");
      expect(fault?.message).not.toContain("secret");
      expect(scheduleOf({ schedule, timezone: "UTC", armedAt })).toBeUndefined();
    }
    expect(scheduleFault({ schedule: "@daily", timezone: "secret/zone", armedAt })).toMatchObject({
      field: "timezone",
    });
    expect(scheduleFault({ schedule: "@daily", timezone: "UTC", armedAt })).toBeUndefined();
    expect([isTimezone("UTC"), isTimezone("Asia/Kathmandu"), isTimezone("")]).toEqual([true, true, false]);
  });

  const zones = ["UTC", "Europe/Berlin", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"];
  const schedules = fc.oneof(
    fc.integer({ min: 1, max: 59 }).map((step) => `*/${step} * * * *`),
    fc.tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 23 })).map(([m, h]) => `${m} ${h} * * *`),
    fc.tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 6 })).map(([s, d]) => `${s} 0 3 * * ${d}`),
    fc.integer({ min: 1, max: 100_000 }).map((seconds) => `@every ${seconds}s`),
  );
  const moments = fc.date({ min: new Date("2020-01-01"), max: new Date("2040-01-01"), noInvalidDate: true });

  it("is due strictly later each time, in whole seconds, and nothing lies between two due times", () => {
    fc.assert(
      fc.property(
        schedules,
        fc.constantFrom(...zones),
        moments,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (text, timezone, after, at) => {
          const schedule = parseSchedule({ schedule: text, timezone, armedAt });
          const times = dueTimes(schedule, after, 3).map((time) => time.getTime());
          expect(times).toHaveLength(3);
          const [first = 0, second = 0, third = 0] = times;
          expect(after.getTime() < first && first < second && second < third).toBe(true);
          expect(times.every((time) => time % 1_000 === 0)).toBe(true);
          const between = first + Math.floor(at * (second - first - 1));
          expect(schedule.next(new Date(between))?.getTime()).toBe(second);
        },
      ),
      { numRuns: 300 },
    );
  });
});
