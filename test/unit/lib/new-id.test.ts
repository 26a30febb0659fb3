import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { newId } from "../../../src/lib/new-id.js";

const ids = (count: number): string[] => Array.from({ length: count }, newId);
const timeOf = (id: string): number => parseInt(id.slice(0, 13).replace("-", ""), 16);

describe("newId", () => {
  afterEach(() => void jest.restoreAllMocks());

  it("makes UUIDs of version 7 that tell the time", () => {
    const before = Date.now();
    const id = newId();
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    expect(timeOf(id)).toBeGreaterThanOrEqual(before);
    expect(timeOf(id)).toBeLessThanOrEqual(Date.now() + 1);
  });

  it("makes none twice, and later ones sort later, also more than a millisecond can count", () => {
    jest.spyOn(Date, "now").mockReturnValue(Date.now() + 60_000);
    const made = ids(20_000);
    expect(new Set(made).size).toBe(made.length);
    expect([...made].sort()).toEqual(made);
  });

  it("keeps the order where the clock is set back", () => {
    const first = newId();
    jest.spyOn(Date, "now").mockReturnValue(Date.now() - 3_600_000);
    expect([first, ...ids(3)].sort()[0]).toBe(first);
  });

  it("leaves nothing to guess in the last 62 bits", () => {
    const tails = ids(4_000).map((id) => id.slice(19));
    expect(new Set(tails).size).toBe(tails.length);
    for (let at = 0; at < 17; at++) {
      if (at === 4) continue;
      const seen = new Set(tails.map((tail) => tail.charAt(at)));
      expect(seen.size).toBe(at === 0 ? 4 : 16);
    }
  });
});
