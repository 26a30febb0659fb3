/** What the log lines of one day (UTC) take in the store. */
export interface LogDay {
  /** As 2026-08-01. */
  readonly day: string;
  readonly bytes: number;
}

export type LogTrim =
  /** The whole day goes, which costs next to nothing. */
  | { readonly do: "dropDay"; readonly day: string }
  /** Its oldest lines go, until so many bytes are free. */
  | { readonly do: "deleteOldest"; readonly day: string; readonly bytes: number };

/** Trimmed below the bound by this share of it, so that not every further line makes the next trim. */
const slack = 0.1;

/** What has to go, oldest first, for logs to take at most `maxBytes`; nothing while they do. */
export function planLogTrim(days: readonly LogDay[], maxBytes: number): LogTrim[] {
  const total = days.reduce((sum, { bytes }) => sum + bytes, 0);
  const plan: LogTrim[] = [];
  if (total <= maxBytes) return plan;
  let excess = total - maxBytes * (1 - slack);
  for (const { day, bytes } of [...days].sort((one, other) => (one.day < other.day ? -1 : 1))) {
    if (excess <= 0) break;
    plan.push(bytes <= excess ? { do: "dropDay", day } : { do: "deleteOldest", day, bytes: Math.ceil(excess) });
    excess -= bytes;
  }
  return plan;
}
