import { describe, expect, it } from "@jest/globals";
import { Backoff } from "../../../src/lib/backoff.js";

describe("Backoff", () => {
  it("waits for nothing before the first failure", () => {
    expect(new Backoff(100, 1_000).remainingMs(0)).toBe(0);
  });

  it("doubles its pause with each failure up to the longest", () => {
    const backoff = new Backoff(100, 1_000);
    expect([0, 1, 2, 3, 4, 5].map(() => backoff.fail(0))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(backoff.failures).toBe(6);
  });

  it("counts the pause from the last failure", () => {
    const backoff = new Backoff(100, 1_000);
    backoff.fail(50);
    expect(backoff.remainingMs(60)).toBe(90);
    expect(backoff.remainingMs(150)).toBe(0);
    expect(backoff.remainingMs(9_999)).toBe(0);
  });

  it("begins anew after a success", () => {
    const backoff = new Backoff(100, 1_000);
    backoff.fail(0);
    backoff.fail(0);
    backoff.succeed();
    expect(backoff.failures).toBe(0);
    expect(backoff.remainingMs(0)).toBe(0);
    expect(backoff.fail(0)).toBe(100);
  });

  it("stays at the longest pause however often it fails", () => {
    const backoff = new Backoff(100, 1_000);
    for (let i = 0; i < 5_000; i++) backoff.fail(i);
    expect(backoff.fail(0)).toBe(1_000);
  });
});
