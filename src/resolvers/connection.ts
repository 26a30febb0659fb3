import { badInput } from "../errors/app-error.js";
import type { Edge, Page, PageRequest } from "../model/page.js";
import type { FirstArgs } from "../schema/resource.args.js";
import type { LogsArgs } from "../schema/list.args.js";
import type { ConnectionShape, PageInfoType } from "../schema/connection.type.js";

const defaultLogLines = 100;

/** A page as Relay wants it; the total is asked for only when a query selects it. */
export class Connection<T> implements ConnectionShape<T> {
  readonly #page: Page<T>;
  readonly #count: () => Promise<number>;

  constructor(page: Page<T>, count: () => Promise<number>) {
    this.#page = page;
    this.#count = count;
  }

  get edges(): readonly Edge<T>[] {
    return this.#page.edges;
  }

  get nodes(): readonly T[] {
    return this.#page.edges.map(({ node }) => node);
  }

  get pageInfo(): PageInfoType {
    const { edges, hasNextPage, hasPreviousPage } = this.#page;
    return {
      hasNextPage,
      hasPreviousPage,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    };
  }

  get totalCount(): Promise<number> {
    return this.#count();
  }
}

export async function connect<T>(page: Promise<Page<T>>, count: () => Promise<number>): Promise<Connection<T>> {
  return new Connection(await page, count);
}

/** Of lists too long to be counted. */
export async function connectUncounted<T>(page: Promise<Page<T>>): Promise<ConnectionShape<T>> {
  return new Connection(await page, () => Promise.resolve(0));
}

export const forward = ({ first, after }: FirstArgs): PageRequest => ({ first, ...given("after", after) });

/** Either end of the log may be asked for, not both; with neither, its tail. */
export function eitherWay({ first, after, last, before }: Omit<LogsArgs, "filter">): PageRequest {
  const isForward = isGiven(first) || isGiven(after);
  if (isForward && isGiven(last)) throw badInput("last", "last must be left out where first or after is given.");
  if (isForward && isGiven(before)) throw badInput("before", "before must be left out where first or after is given.");
  return isForward
    ? { first: first ?? defaultLogLines, ...given("after", after) }
    : { last: last ?? defaultLogLines, ...given("before", before) };
}

const isGiven = (value: unknown): boolean => value !== null && value !== undefined;

const given = <K extends string>(key: K, value: string | null | undefined): { [P in K]?: string } =>
  (isGiven(value) ? { [key]: value } : {}) as { [P in K]?: string };
