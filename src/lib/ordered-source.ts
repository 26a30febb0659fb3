/** A store's append-only, commit-ordered sequence that can be read from a position and says when to look again. */
export interface OrderedSource<T, Filter = void> {
  /** The position of the newest item; reading after it gives what comes later. */
  latest(): Promise<string>;
  /** Items after `position` that match, oldest first, at most `limit`, and the position up to which all was looked at. */
  read(position: string, filter: Filter, limit: number): Promise<{ items: T[]; position: string }>;
  /** Resolves at the next wake-up, or after half a second at the latest, or when the signal aborts. Never rejects. */
  wait(signal: AbortSignal): Promise<void>;
}

/** Every item after `position`, in order, without gap or repeat, until the signal aborts. */
export async function* follow<T, Filter>(
  source: OrderedSource<T, Filter>,
  filter: Filter,
  position: string,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const batch = 500;
  let at = position;
  while (!signal.aborted) {
    const { items, position: next } = await source.read(at, filter, batch);
    yield* items;
    at = next;
    if (items.length < batch) await source.wait(signal);
  }
}
