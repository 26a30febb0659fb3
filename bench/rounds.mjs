/** How often and how long things are measured, and in which order. */

/** `--quick` is for working on the measurements: one short round, whose figures are written nowhere. */
export const isQuick = process.argv.includes("--quick");
export const rounds = isQuick ? 1 : 5;
export const roundSeconds = isQuick ? 1 : 2;
/** Before the rounds, for each that takes part: compilers warm up, connections open. */
export const warmUpSeconds = 1;

/**
 * A B C A B C …: whatever else the machine does hits all alike. Resolves with a map from each contestant to what its rounds
 * gave, in their order.
 */
export async function interleaved(contestants, measure) {
  const samples = new Map(contestants.map((each) => [each, []]));
  for (let round = 0; round < rounds; round++) {
    for (const each of contestants) samples.get(each).push(await measure(each));
  }
  return samples;
}
