import type { Clock } from "../lib/clock.js";
import type { OrderedSource } from "../lib/ordered-source.js";
import type { Invocation, InvocationStats } from "../model/invocation.js";
import type { Page, PageRequest } from "../model/page.js";
import { countSpanMs } from "../model/record-batch.js";
import type { InvocationFilter } from "../model/record-filter.js";
import { quantileMs } from "./latency-histogram.js";

/** Stored invocations, as the store reads them. */
export interface InvocationReader extends Pick<OrderedSource<Invocation, InvocationFilter>, "latest" | "read"> {
  find(id: string): Promise<Invocation | undefined>;
  list(filter: InvocationFilter, page: PageRequest): Promise<Page<Invocation>>;
  ofFunctions(
    functionIds: readonly string[],
    filter: InvocationFilter,
    page: PageRequest,
  ): Promise<Map<string, Page<Invocation>>>;
}

/** Sums of what was counted in [from, until), both on a boundary of `countSpanMs`; a function without counts is left out. */
export interface CountReader {
  sums(functionIds: readonly string[], from: Date, until: Date): Promise<Map<string, CountSums>>;
}

export interface CountSums {
  readonly total: number;
  readonly failed: number;
  readonly coldStarts: number;
  readonly histogram: readonly number[];
}

/** Says when to look again; see OrderedSource. */
export type Wakeup = Pick<OrderedSource<unknown>, "wait">;

/** What was recorded: single invocations, newest first, and exact counts with latencies per function. */
export class InvocationQueries {
  /** Invocations in the order in which they were stored. */
  readonly source: OrderedSource<Invocation, InvocationFilter>;

  constructor(
    private readonly invocations: InvocationReader,
    private readonly counts: CountReader,
    wakeup: Wakeup,
    private readonly clock: Clock,
  ) {
    this.source = {
      latest: () => invocations.latest(),
      read: (position, filter, limit) => invocations.read(position, filter, limit),
      wait: (signal) => wakeup.wait(signal),
    };
  }

  find(id: string): Promise<Invocation | undefined> {
    return this.invocations.find(id);
  }

  list(filter: InvocationFilter, page: PageRequest): Promise<Page<Invocation>> {
    return this.invocations.list(filter, page);
  }

  ofFunctions(
    functionIds: readonly string[],
    filter: InvocationFilter,
    page: PageRequest,
  ): Promise<Map<string, Page<Invocation>>> {
    return this.invocations.ofFunctions(functionIds, filter, page);
  }

  /** Exact counts of what was accepted in the window, which is rounded outwards to whole spans of 10 s. */
  async stats(functionIds: readonly string[], windowSeconds: number): Promise<Map<string, InvocationStats>> {
    const nowMs = this.clock.now().getTime();
    const from = new Date(Math.floor((nowMs - windowSeconds * 1_000) / countSpanMs) * countSpanMs);
    const until = new Date((Math.floor(nowMs / countSpanMs) + 1) * countSpanMs);
    const sums = await this.counts.sums(functionIds, from, until);
    return new Map(functionIds.map((id) => [id, toStats(sums.get(id))]));
  }
}

const noCounts: CountSums = { total: 0, failed: 0, coldStarts: 0, histogram: [] };

const toStats = ({ total, failed, coldStarts, histogram } = noCounts): InvocationStats => ({
  total,
  failed,
  coldStarts,
  p50Ms: quantileMs(histogram, 0.5),
  p95Ms: quantileMs(histogram, 0.95),
  p99Ms: quantileMs(histogram, 0.99),
});
