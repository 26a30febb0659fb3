/** The value below which the share `p` (0 to 1) of the samples lies: the nearest rank. */
export function percentile(samples, p) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)];
}

export const median = (samples) => percentile(samples, 0.5);

export const ms = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
export const count = (value) => Math.round(value).toLocaleString("en");
