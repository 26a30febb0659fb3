import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { backoffMs, decide, type Ending, type Tried } from "../../../src/invocations/async-state.js";

const tried: Tried = { attempts: 1, maxAttempts: 3, patienceMs: 1_000 };
const answered = (httpStatus: number, error: string | null = null): Ending => ({ type: "ANSWERED", httpStatus, error });
const half = (): number => 0.5;

describe("an attempt that has ended", () => {
  it.each([200, 204, 302, 399])("is the last where the function answered %i", (status) => {
    expect(decide(answered(status), tried, half)).toEqual({ state: "SUCCEEDED" });
  });

  it.each([400, 404, 409, 422, 499])("is the last, and a failure, where it answered %i", (status) => {
    expect(decide(answered(status), tried, half)).toEqual({
      state: "DEAD",
      error: `The function answered ${status}.`,
    });
  });

  it.each([408, 429, 500, 502, 503])("is followed by another where it answered %i", (status) => {
    expect(decide(answered(status), tried, half)).toMatchObject({ state: "QUEUED", afterMs: 500, isAttempt: true });
  });

  it("tells why it failed in the function's own words where there are some", () => {
    expect(decide(answered(500, "TypeError: no"), tried, half)).toMatchObject({ error: "TypeError: no" });
  });

  it("is the last after so many", () => {
    const last = { ...tried, attempts: 3 };
    expect(decide({ type: "FAILED", error: "It crashed." }, last, half)).toEqual({
      state: "DEAD",
      error: "It crashed.",
    });
  });

  it("is none where nothing was begun, however many there were before", () => {
    const ending: Ending = { type: "NOT_BEGUN", error: "No room.", retryAfterMs: 1_000 };
    expect(decide(ending, { ...tried, attempts: 3 }, half)).toEqual({
      ...{ state: "QUEUED", error: "No room.", afterMs: 1_500, isAttempt: false },
    });
  });

  it("is given up where it could not be begun for too long", () => {
    const ending: Ending = { type: "NOT_BEGUN", error: "No room.", retryAfterMs: 1_000 };
    expect(decide(ending, { ...tried, patienceMs: 0 }, half)).toEqual({ state: "DEAD", error: "No room." });
  });

  it("is the last where there is nothing left to call", () => {
    expect(decide({ type: "GONE", error: "Deleted." }, tried, half)).toEqual({ state: "DEAD", error: "Deleted." });
  });

  it("is followed after a pause that doubles up to five minutes, with any part of it left out", () => {
    const longest = Array.from({ length: 12 }, (_, index) => backoffMs(index + 1, () => 1));
    expect(longest.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(longest.at(-1)).toBe(300_000);
    expect(backoffMs(100, () => 0)).toBe(0);
  });

  it("leads to an end after maxAttempts at the latest, whatever happens", () => {
    const ending: fc.Arbitrary<Ending> = fc.oneof(
      fc.integer({ min: 200, max: 599 }).map((status) => answered(status)),
      fc.constant<Ending>({ type: "FAILED", error: "It failed." }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(ending, { minLength: 100 }), (maxAttempts, endings) => {
        const end = endings.findIndex(
          (one, index) => decide(one, { attempts: index + 1, maxAttempts, patienceMs: 1 }, half).state !== "QUEUED",
        );
        expect(end).toBeGreaterThanOrEqual(0);
        expect(end).toBeLessThan(maxAttempts);
      }),
    );
  });
});
