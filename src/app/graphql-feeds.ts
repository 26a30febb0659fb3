/** The live side of the API: ordered sources and the pools' present state, as sequences that end when told to. */
import { AppError } from "../errors/app-error.js";
import { follow, type OrderedSource } from "../lib/ordered-source.js";
import type { Change } from "../model/change.js";
import type { Pool } from "../model/instance.js";
import type { Invocation } from "../model/invocation.js";
import type { LogLine } from "../model/log-line.js";
import type { PoolView } from "../model/pool-view.js";
import type { InvocationFilter, LogFilter } from "../model/record-filter.js";
import type { Feeds, PoolMatch } from "../resolvers/operations.js";

export interface FeedSources {
  readonly logs: {
    tail(filter: LogFilter, count: number): Promise<{ lines: LogLine[]; position: string }>;
    readonly source: OrderedSource<LogLine, LogFilter>;
  };
  readonly invocations: { readonly source: OrderedSource<Invocation, InvocationFilter> };
  readonly changes: OrderedSource<Change, { namespace?: string }>;
  readonly pools: PoolView;
}

/** Positions are taken before a feed is handed out, so nothing that happens after is missed. */
export function createFeeds({ logs, invocations, changes, pools }: FeedSources): Feeds {
  return {
    async logs(filter, count, signal) {
      const { lines, position } = await logs.tail(filter, count);
      return live(signal, (ended) => after(lines, follow(patient(logs.source), filter, position, ended)));
    },
    async invocations(filter, signal) {
      const position = await invocations.source.latest();
      return live(signal, (ended) => follow(patient(invocations.source), filter, position, ended));
    },
    async changes(filter, signal) {
      const position = await changes.latest();
      return live(signal, (ended) => follow(patient(changes), filter, position, ended));
    },
    pools: (matches, signal) => Promise.resolve(poolChanges(pools, matches, signal)),
  };
}

/** With the store away a feed is only late: it goes on from where it was. */
const patient = <T, Filter>(source: OrderedSource<T, Filter>): OrderedSource<T, Filter> => ({
  latest: () => source.latest(),
  wait: (signal) => source.wait(signal),
  async read(position, filter, limit) {
    return (await unlessAway(source.read(position, filter, limit))) ?? { items: [], position };
  },
});

/** Undefined where the store is away. */
async function unlessAway<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof AppError && error.code === "STORE_UNAVAILABLE") return undefined;
    throw error;
  }
}

async function* after<T>(items: readonly T[], more: AsyncGenerator<T>): AsyncGenerator<T> {
  yield* items;
  yield* more;
}

/**
 * A generator that waits can't be returned from: `return` would queue behind the wait. So returning aborts the wait first.
 */
function live<T>(signal: AbortSignal, start: (ended: AbortSignal) => AsyncGenerator<T>): AsyncGenerator<T> {
  const returned = new AbortController();
  return onReturn(start(AbortSignal.any([signal, returned.signal])), () => returned.abort());
}

/** With the store away nobody can say whose a pool is; then it is asked again after this time. */
const askAgainMs = 1_000;

/** Listens from now on, not from the first read. At most one entry per pool waits, so a slow reader costs nothing. */
function poolChanges(view: PoolView, matches: PoolMatch, signal: AbortSignal): AsyncGenerator<Pool> {
  const changed = new Set<string>();
  let wake = (): void => {};
  const listener = view.onChange((environmentId) => {
    changed.add(environmentId);
    wake();
  });
  const late = new Set<string>();
  const look = async (environmentId: string): Promise<readonly Pool[]> => {
    const isWanted = await unlessAway(matches(environmentId));
    if (isWanted === undefined) late.add(environmentId);
    return isWanted === true ? view.pools().filter((pool) => pool.environmentId === environmentId) : [];
  };
  const feed = live(signal, async function* (ended): AsyncGenerator<Pool> {
    ended.addEventListener("abort", () => wake(), { once: true });
    try {
      while (!ended.aborted) {
        for (const environmentId of changed) {
          changed.delete(environmentId);
          yield* await look(environmentId);
        }
        const again = late.size > 0 ? setTimeout(() => wake(), askAgainMs) : undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (changed.size > 0 || ended.aborted) resolve();
        });
        clearTimeout(again);
        for (const environmentId of late) changed.add(environmentId);
        late.clear();
      }
    } finally {
      listener.stop();
    }
  });
  return onReturn(feed, () => listener.stop());
}

/** Runs `task` when the reader returns, be it before the first read. */
function onReturn<T>(items: AsyncGenerator<T>, task: () => void): AsyncGenerator<T> {
  const end = items.return.bind(items);
  items.return = (value) => {
    task();
    return end(value);
  };
  return items;
}
