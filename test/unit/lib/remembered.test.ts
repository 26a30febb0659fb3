import { describe, expect, it } from "@jest/globals";
import { Remembered } from "../../../src/lib/remembered.js";
import { systemClock } from "../../../src/lib/clock.js";

describe("Remembered", () => {
  it("asks once for as long as the answer is good", async () => {
    let [asked, nowMs] = [0, 0];
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    const remembered = new Remembered(() => Promise.resolve(++asked), 1_000, clock);
    expect(await Promise.all([remembered.get(), remembered.get()])).toEqual([1, 1]);
    nowMs = 999;
    expect(await remembered.get()).toBe(1);
    nowMs = 1_000;
    expect(await remembered.get()).toBe(2);
  });

  it("asks again after a failure", async () => {
    let asked = 0;
    const ask = (): Promise<string> => (asked++ === 0 ? Promise.reject(new Error("away")) : Promise.resolve("back"));
    const remembered = new Remembered(ask, 1_000, systemClock);
    await expect(remembered.get()).rejects.toThrow("away");
    expect(await remembered.get()).toBe("back");
  });
});
