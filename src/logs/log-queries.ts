import type { OrderedSource } from "../lib/ordered-source.js";
import type { LogLine } from "../model/log-line.js";
import type { Page, PageRequest } from "../model/page.js";
import type { LogFilter } from "../model/record-filter.js";

/** Stored log lines, as the store reads them. */
export interface LogReader extends Pick<OrderedSource<LogLine, LogFilter>, "latest" | "read"> {
  list(filter: LogFilter, page: PageRequest): Promise<Page<LogLine>>;
  ofInvocations(
    invocations: readonly { readonly id: string; readonly functionId: string }[],
    page: PageRequest,
  ): Promise<Map<string, Page<LogLine>>>;
}

/** Says when to look again; see OrderedSource. */
export type Wakeup = Pick<OrderedSource<unknown>, "wait">;

/** What instances printed, oldest first. */
export class LogQueries {
  /** Lines in the order in which they were stored; a line's id is its position. */
  readonly source: OrderedSource<LogLine, LogFilter>;

  constructor(
    private readonly lines: LogReader,
    wakeup: Wakeup,
  ) {
    this.source = {
      latest: () => lines.latest(),
      read: (position, filter, limit) => lines.read(position, filter, limit),
      wait: (signal) => wakeup.wait(signal),
    };
  }

  list(filter: LogFilter, page: PageRequest): Promise<Page<LogLine>> {
    return this.lines.list(filter, page);
  }

  ofInvocations(
    invocations: readonly { readonly id: string; readonly functionId: string }[],
    page: PageRequest,
  ): Promise<Map<string, Page<LogLine>>> {
    return this.lines.ofInvocations(invocations, page);
  }

  /** The last `count` lines that match, oldest first, and the position from which `follow` goes on without gap or repeat. */
  async tail(filter: LogFilter, count: number): Promise<{ lines: LogLine[]; position: string }> {
    // Read before the lines: what is stored in between is either among them, or comes after this position.
    const position = await this.lines.latest();
    if (count === 0) return { lines: [], position };
    const { edges } = await this.lines.list(filter, { last: count });
    const lines = edges.map(({ node }) => node);
    // The last line that matches is the better position, be it earlier or later: after it, none had matched yet.
    return { lines, position: lines.at(-1)?.id ?? position };
  }
}
