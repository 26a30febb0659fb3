import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parseSchedule } from "../../../../src/model/schedule.js";
import { planFiring, toleranceMs } from "../../../../src/triggers/timer/plan-firing.js";

const minuteMs = 60_000;
const minutely = parseSchedule({ schedule: "* * * * *", timezone: "UTC", armedAt: new Date(0) });
const policy = { onMissed: "RUN_ONCE", missedWindowSeconds: 3_600 } as const;

describe("what is to be done of a schedule", () => {
  it("is nothing before its time, and its run at its time", () => {
    expect(planFiring(minutely, policy, 0, minuteMs - 1)).toEqual({ fireMs: null, sinceMs: 0 });
    expect(planFiring(minutely, policy, 0, minuteMs)).toEqual({ fireMs: minuteMs, sinceMs: minuteMs });
    expect(planFiring(minutely, policy, minuteMs, minuteMs)).toEqual({ fireMs: null, sinceMs: minuteMs });
  });

  it("is one run for all that were missed, for the last of them", () => {
    const now = 100 * minuteMs + 30_000;
    expect(planFiring(minutely, policy, 0, now)).toEqual({ fireMs: 100 * minuteMs, sinceMs: 100 * minuteMs });
  });

  it("is none where missed runs are not wanted, or the last is too long ago", () => {
    const hourly = parseSchedule({ schedule: "@hourly", timezone: "UTC", armedAt: new Date(0) });
    const now = 100 * 60 * minuteMs + 30 * minuteMs;
    const sinceMs = 100 * 60 * minuteMs;
    expect(planFiring(hourly, { ...policy, onMissed: "SKIP" }, 0, now)).toEqual({ fireMs: null, sinceMs });
    expect(planFiring(hourly, { ...policy, missedWindowSeconds: 1_799 }, 0, now)).toEqual({ fireMs: null, sinceMs });
    expect(planFiring(hourly, { ...policy, missedWindowSeconds: 1_800 }, 0, now)).toEqual({ fireMs: sinceMs, sinceMs });
  });

  it("is nothing while the clock is behind what was run already", () => {
    expect(planFiring(minutely, policy, 50 * minuteMs, 10 * minuteMs)).toEqual({
      fireMs: null,
      sinceMs: 50 * minuteMs,
    });
  });

  it("never repeats a due time, never runs one before its time, and ends", () => {
    const schedules = ["* * * * * *", "*/7 * * * * *", "* * * * *"];
    fc.assert(
      fc.property(
        fc.constantFrom(...schedules),
        fc.boolean(),
        fc.array(fc.integer({ min: 0, max: 90_000 }), { maxLength: 20 }),
        (text, makesUp, pauses) => {
          const schedule = parseSchedule({ schedule: text, timezone: "UTC", armedAt: new Date(0) });
          const chosen = { onMissed: makesUp ? "RUN_ONCE" : "SKIP", missedWindowSeconds: 60 } as const;
          let [sinceMs, nowMs] = [0, 0];
          const fired: number[] = [];
          for (const pause of pauses) {
            nowMs += pause;
            for (let steps = 0; ; steps++) {
              const plan = planFiring(schedule, chosen, sinceMs, nowMs);
              if (plan.sinceMs === sinceMs) break;
              expect(plan.sinceMs).toBeGreaterThan(sinceMs);
              expect(plan.sinceMs).toBeLessThanOrEqual(nowMs);
              if (plan.fireMs !== null) fired.push(plan.fireMs);
              if (plan.fireMs !== null && !makesUp) expect(nowMs - plan.fireMs).toBeLessThanOrEqual(toleranceMs);
              sinceMs = plan.sinceMs;
              expect(steps).toBeLessThan(20);
            }
          }
          expect(fired).toEqual([...new Set(fired)].sort((a, b) => a - b));
        },
      ),
      { numRuns: 200 },
    );
  });
});
