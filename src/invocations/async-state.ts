/**
 * What becomes of work that is done at least once: an ending of one attempt, and what follows from it. Pure, so that the
 * same rules hold for asynchronous invocations and for messages, and can be tried out without either.
 *
 *   QUEUED ─ leased ─► RUNNING ─┬─ answered below 400 ──────────────► SUCCEEDED
 *      ▲                        ├─ could not be begun ──► QUEUED, and it was no attempt
 *      │                        ├─ failed, attempts left ► QUEUED, later
 *      │                        ├─ failed, none left, or nothing that another attempt could mend ► DEAD
 *      └── redriven ── DEAD     └─ lease ran out: failed, as nobody knows better
 *
 * Each lease has an epoch, one higher than the last; whoever settles names it, and is refused where there is a later one.
 */

import type { Decision } from "../model/async-work.js";

/** How one attempt ended. */
export type Ending =
  /** The function answered. */
  | { readonly type: "ANSWERED"; readonly httpStatus: number; readonly error: string | null }
  /** It failed, and user code may have run. */
  | { readonly type: "FAILED"; readonly error: string }
  /** No user code has run, and it is nobody's fault who could be found here: no room, no platform. */
  | { readonly type: "NOT_BEGUN"; readonly error: string; readonly retryAfterMs: number }
  /** There is nothing left that could be called. */
  | { readonly type: "GONE"; readonly error: string };

/** How much was tried, the attempt that has ended included. */
export interface Tried {
  readonly attempts: number;
  readonly maxAttempts: number;
  /** How long it may still be put off without an attempt. */
  readonly patienceMs: number;
}

const firstBackoffMs = 1_000;
const longestBackoffMs = 5 * 60_000;

/**
 * How long to wait after so many failures: anything up to 1 s, 2 s, 4 s … 5 minutes ("full jitter"), so that what has
 * failed together does not come back together. `random` gives 0 to 1.
 */
export const backoffMs = (failures: number, random: () => number): number =>
  Math.round(random() * Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(failures - 1, 52)));

/** Client errors stay what they are however often they are repeated, but for a time limit and "later". */
export const isFinalStatus = (status: number): boolean =>
  status >= 400 && status < 500 && status !== 408 && status !== 429;

export function decide(ending: Ending, tried: Tried, random: () => number): Decision {
  switch (ending.type) {
    case "ANSWERED":
      if (ending.httpStatus < 400) return { state: "SUCCEEDED" };
      return failed(ending.error ?? `The function answered ${ending.httpStatus}.`, tried, random, ending.httpStatus);
    case "FAILED":
      return failed(ending.error, tried, random);
    case "NOT_BEGUN":
      return putOff(ending, tried, random);
    case "GONE":
      return { state: "DEAD", error: ending.error };
  }
}

function failed(error: string, { attempts, maxAttempts }: Tried, random: () => number, status?: number): Decision {
  if (attempts >= maxAttempts || (status !== undefined && isFinalStatus(status))) return { state: "DEAD", error };
  return { state: "QUEUED", error, afterMs: backoffMs(attempts, random), isAttempt: true };
}

/** Between once and twice what was asked for: those who wait for the same room come one after another. */
function putOff(
  { error, retryAfterMs }: Extract<Ending, { type: "NOT_BEGUN" }>,
  { patienceMs }: Tried,
  random: () => number,
): Decision {
  if (patienceMs <= 0) return { state: "DEAD", error };
  return { state: "QUEUED", error, afterMs: Math.round(retryAfterMs * (1 + random())), isAttempt: false };
}
