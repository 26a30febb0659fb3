/** The value below which the share `p` (0 to 1) of the samples lies: the nearest rank. */
export function percentile(samples, p) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)];
}

export const median = (samples) => percentile(samples, 0.5);

/** Least squares through points `[x, y]`: how much y grows for each unit of x. */
export function slope(points) {
  const mean = (at) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

export const ms = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms`;
export const count = (value) => Math.round(value).toLocaleString("en");
export const times = (value, digits = 2) => `${value.toFixed(digits)} ×`;
export const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;

/** The median, and in brackets the least and the greatest. */
export const spread = (samples, show = count) =>
  `${show(median(samples))} (${show(Math.min(...samples))}–${show(Math.max(...samples))})`;

const plainMs = (value) => value.toFixed(value < 10 ? 2 : 0);
export const spreadMs = (samples) => `${spread(samples, plainMs)} ms`;
