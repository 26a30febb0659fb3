/**
 * Divides whole units so that nobody gets more than asked for, and nobody who lacks some has less than another (max-min
 * fair, to within one unit). The units that can't be divided evenly go round: `turn` says who is first. Pure.
 */
export function fairShares(capacity: number, asked: readonly number[], turn: number): number[] {
  const shares = asked.map(() => 0);
  let left = Math.max(0, capacity);
  for (;;) {
    const hungry = [...asked.keys()].filter((index) => (shares[index] ?? 0) < (asked[index] ?? 0));
    if (hungry.length === 0 || left === 0) return shares;
    const each = Math.floor(left / hungry.length);
    for (const index of each > 0 ? hungry : rotate(hungry, turn).slice(0, left)) {
      const share = shares[index] ?? 0;
      const more = Math.min(Math.max(each, 1), (asked[index] ?? 0) - share);
      shares[index] = share + more;
      left -= more;
    }
  }
}

function rotate(indexes: readonly number[], turn: number): number[] {
  const first = turn % indexes.length;
  return [...indexes.slice(first), ...indexes.slice(0, first)];
}
