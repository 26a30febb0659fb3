/** A latency histogram with fixed bounds: two of them add up field by field, whoever counted them and wherever. */
const lowestMs = 0.1;
const highestMs = 600_000;
const boundCount = 80;
const logStep = Math.log(highestMs / lowestMs) / (boundCount - 1);

/** Upper bounds in milliseconds, each 22 % above the one before: 0.1 ms to 10 minutes. */
export const latencyBoundsMs: readonly number[] = Array.from({ length: boundCount }, (_, index) =>
  index === boundCount - 1 ? highestMs : lowestMs * Math.exp(index * logStep),
);

/** One count for each bound, and a last one for what lasted longer. */
export const latencyBucketCount = boundCount + 1;

/** Which count a latency belongs to: the first whose bound is not below it. */
export function latencyBucket(ms: number): number {
  if (!(ms > lowestMs)) return 0;
  if (ms > highestMs) return boundCount;
  const guess = Math.ceil(Math.log(ms / lowestMs) / logStep);
  // The logarithm may be off by one in the last digit at a bound.
  if (ms <= (latencyBoundsMs[guess - 1] ?? 0)) return guess - 1;
  return ms > (latencyBoundsMs[guess] ?? Infinity) ? guess + 1 : guess;
}

/** The latency that `share` (0 to 1) of all stayed below, interpolated within its bucket; null without data. */
export function quantileMs(counts: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const rank = share * total;
  let before = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && before + count >= rank) return within(index, (rank - before) / count);
    before += count;
  }
  return highestMs;
}

function within(index: number, share: number): number {
  const upper = latencyBoundsMs[index] ?? highestMs;
  const lower = index === 0 ? 0 : (latencyBoundsMs[index - 1] ?? highestMs);
  return lower + (upper - lower) * share;
}
