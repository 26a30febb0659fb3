/** Pages of records: what the SQL has to ask for, and the page made of its rows. */
import { badInput } from "../../errors/app-error.js";
import type { Edge, Page, PageRequest } from "../../model/page.js";
import { readCursor, writeCursor } from "./cursor.js";

/** How a kind of record is ordered, and how its place in that order is written down for clients. */
export interface Keyset<T> {
  /** Names list and order; cursors of another are refused. */
  readonly list: string;
  /** The columns of the order, for ORDER BY and for comparisons of rows. */
  readonly columns: readonly string[];
  /** Whether lists begin with the greatest. */
  readonly isDescending: boolean;
  valuesOf(node: T): unknown[];
  /** Whether values that a client sent as a cursor are of the right kind. */
  isValid(values: readonly unknown[]): boolean;
}

/** One page's part of a SELECT. */
export interface PageQuery {
  /** Conditions for WHERE; empty where the page begins at the list's end. */
  readonly conditions: readonly string[];
  readonly orderBy: string;
  /** One row more than asked for, which tells whether there is more. */
  readonly limit: string;
}

export function pageQuery<T>(keyset: Keyset<T>, page: PageRequest, parameter: (value: unknown) => string): PageQuery {
  const conditions: string[] = [];
  const [afterSign, beforeSign] = keyset.isDescending ? ["<", ">"] : [">", "<"];
  const row = `(${keyset.columns.join(", ")})`;
  const compare = (cursor: string | undefined, sign: string, field: string): void => {
    if (cursor === undefined) return;
    const values = placeOf(keyset, cursor, field).map(parameter);
    conditions.push(`${row} ${sign} (${values.join(", ")})`);
    // Says nothing new, but it is what lets the planner leave partitions out.
    if (values.length > 1) conditions.push(`${keyset.columns[0]} ${sign}= ${values[0]}`);
  };
  compare(page.after, afterSign, "after");
  compare(page.before, beforeSign, "before");
  const direction = keyset.isDescending === isBackward(page) ? "ASC" : "DESC";
  const order = keyset.columns.map((column) => `${column} ${direction}`).join(", ");
  return { conditions, orderBy: `ORDER BY ${order}`, limit: `LIMIT ${pageSize(page) + 1}` };
}

/** `nodes` as the query of `pageQuery` gave them. */
export function pageOf<T>(keyset: Keyset<T>, page: PageRequest, nodes: readonly T[]): Page<T> {
  const hasMore = nodes.length > pageSize(page);
  const kept = nodes.slice(0, pageSize(page));
  if (isBackward(page)) kept.reverse();
  const edges: Edge<T>[] = kept.map((node) => ({ cursor: writeCursor(keyset.list, keyset.valuesOf(node)), node }));
  return isBackward(page)
    ? { edges, hasNextPage: page.before !== undefined, hasPreviousPage: hasMore }
    : { edges, hasNextPage: hasMore, hasPreviousPage: page.after !== undefined };
}

const isBackward = (page: PageRequest): boolean => page.last !== undefined;

const pageSize = (page: PageRequest): number => page.last ?? page.first ?? 0;

function placeOf<T>(keyset: Keyset<T>, cursor: string, field: string): unknown[] {
  const values = readCursor(keyset.list, cursor);
  if (!Array.isArray(values) || values.length !== keyset.columns.length || !keyset.isValid(values)) {
    throw badInput(field, `${field} must be a cursor of this list, as its pageInfo gives.`);
  }
  return values;
}
