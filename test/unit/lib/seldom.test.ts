import { describe, expect, it } from "@jest/globals";
import { systemClock } from "../../../src/lib/clock.js";
import { Seldom } from "../../../src/lib/seldom.js";

describe("Seldom", () => {
  it("lets the first of many through, then one a minute, and the first after it worked", () => {
    let nowMs = 0;
    const seldom = new Seldom({ ...systemClock, monotonicMs: () => nowMs });
    const at = (ms: number): boolean => {
      nowMs = ms;
      return seldom.isDue();
    };
    expect([0, 1, 59_999, 60_000, 60_001].map(at)).toEqual([true, false, false, true, false]);
    seldom.reset();
    expect(at(60_002)).toBe(true);
  });
});
