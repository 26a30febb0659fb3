import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  latencyBoundsMs,
  latencyBucket,
  latencyBucketCount,
  quantileMs,
} from "../../src/invocations/latency-histogram.js";

describe("The latency histogram", () => {
  it("reaches from a tenth of a millisecond to ten minutes, in steps of 22 %", () => {
    expect(latencyBoundsMs[0]).toBe(0.1);
    expect(latencyBoundsMs.at(-1)).toBe(600_000);
    for (const [index, bound] of latencyBoundsMs.slice(1).entries()) {
      expect(bound / (latencyBoundsMs[index] ?? NaN)).toBeCloseTo(1.218, 2);
    }
  });

  it("puts each latency under the first bound that is not below it", () => {
    const naive = (ms: number): number => {
      const index = latencyBoundsMs.findIndex((bound) => ms <= bound);
      return index === -1 ? latencyBucketCount - 1 : index;
    };
    for (const bound of latencyBoundsMs) {
      for (const ms of [bound * (1 - 1e-12), bound, bound * (1 + 1e-12)]) expect(latencyBucket(ms)).toBe(naive(ms));
    }
    fc.assert(fc.property(fc.double({ min: 0, max: 1e7, noNaN: true }), (ms) => latencyBucket(ms) === naive(ms)));
  });

  it.each([NaN, -1, 0])("takes %p for no time at all", (ms) => {
    expect(latencyBucket(ms)).toBe(0);
  });

  it("knows no quantile without data", () => {
    expect(quantileMs([], 0.5)).toBeNull();
    expect(quantileMs([0, 0], 0.99)).toBeNull();
  });

  it("finds every quantile within the width of a bucket", () => {
    const latencies = fc.array(fc.double({ min: 0.11, max: 599_000, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(latencies, fc.constantFrom(0.5, 0.95, 0.99), (all, share) => {
        const counts = new Array<number>(latencyBucketCount).fill(0);
        for (const ms of all) counts[latencyBucket(ms)]!++;
        const sorted = [...all].sort((one, other) => one - other);
        const exact = sorted[Math.max(0, Math.ceil(share * all.length) - 1)] ?? NaN;
        const found = quantileMs(counts, share) ?? NaN;
        return found > exact / 1.22 && found < exact * 1.22;
      }),
    );
  });

  it("says ten minutes for what lasted longer", () => {
    const counts = new Array<number>(latencyBucketCount).fill(0);
    counts[latencyBucketCount - 1] = 3;
    expect(quantileMs(counts, 0.5)).toBe(600_000);
  });
});
