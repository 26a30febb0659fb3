import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { fairShares } from "../../../src/poolmgr/fair-shares.js";

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

describe("fairShares", () => {
  it.each([
    ["all that is asked for where there is enough", 10, [3, 4], [3, 4]],
    ["an equal part to who asks for more than that", 10, [2, 50, 50], [2, 4, 4]],
    ["nothing where there is nothing", 0, [1, 2], [0, 0]],
    ["nothing below nothing", -3, [1], [0]],
    ["nothing to who asks for nothing", 5, [0, 1], [0, 1]],
  ])("gives %s", (_name, capacity, asked, shares) => {
    expect(fairShares(capacity, asked, 0)).toEqual(shares);
  });

  it("lets those who can't all be served take turns", () => {
    expect([0, 1, 2, 3].map((turn) => fairShares(1, [5, 5, 5], turn))).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [1, 0, 0],
    ]);
  });

  it("never gives more than there is or is asked for, leaves nothing over that is wanted, and is fair", () => {
    const asked = fc.array(fc.nat(50), { maxLength: 6 });
    fc.assert(
      fc.property(fc.nat(100), asked, fc.nat(9), (capacity, wishes, turn) => {
        const shares = fairShares(capacity, wishes, turn);
        expect(sum(shares)).toBe(Math.min(capacity, sum(wishes)));
        shares.forEach((share, index) => {
          expect(share).toBeLessThanOrEqual(wishes[index]!);
          // Who lacks some has at most one less than anybody else.
          if (share < wishes[index]!) expect(Math.max(...shares)).toBeLessThanOrEqual(share + 1);
        });
      }),
    );
  });
});
