/** One function's queue as a worker sees it. */
export interface Queue {
  readonly functionId: string;
  /** How many may begin now. */
  readonly due: number;
  /** How many of it this worker runs already. */
  readonly running: number;
  /** How many of it may run here at a time. */
  readonly limit: number;
}

export interface Share {
  readonly functionId: string;
  readonly count: number;
}

/** A function may run up to so many times as many as there are slots left. */
const greed = 3;

/**
 * Who gets the free slots: one after another, each to who runs fewest. What a function may hold shrinks with what is
 * left, so that however many functions have long queues, some slots stay free for one that comes later: a single function
 * gets three quarters, two get three sevenths each. Pure.
 */
export function planShares(queues: readonly Queue[], free: number): Share[] {
  const given = queues.map(() => 0);
  const held = (index: number): number => (queues[index]?.running ?? 0) + (given[index] ?? 0);
  for (let left = free; left > 0; left--) {
    const next = queues.reduce<number | undefined>((best, { due, limit }, index) => {
      const mayHave = (given[index] ?? 0) < due && held(index) < Math.min(limit, greed * left);
      return mayHave && (best === undefined || held(index) < held(best)) ? index : best;
    }, undefined);
    if (next === undefined) break;
    given[next] = (given[next] ?? 0) + 1;
  }
  return queues.flatMap(({ functionId }, index) => {
    const count = given[index] ?? 0;
    return count > 0 ? [{ functionId, count }] : [];
  });
}
