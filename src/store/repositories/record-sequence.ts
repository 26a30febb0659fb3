/** Reads a table by its commit-ordered sequence `seq`. */
import type { DataSource } from "typeorm";
import { withStore } from "../with-store.js";
import { andAll } from "./record-filter-sql.js";

export interface SequenceRead {
  readonly table: string;
  /** Without `seq`, which comes along. */
  readonly columns: string;
  readonly conditions: readonly string[];
  readonly parameters: readonly unknown[];
  readonly after: string;
  readonly limit: number;
}

/**
 * What was stored after the position `after`, oldest first, and the position up to which all was looked at: the last row's where
 * there may be more, else the newest of the table at that very moment.
 */
export async function readSequence<T>(
  dataSource: DataSource,
  read: SequenceRead,
  // Its rows are those of the table it names: nothing here can check more.
  toItem: (row: never) => T,
): Promise<{ items: T[]; position: string }> {
  const { table, columns, conditions, parameters, after, limit } = read;
  const [afterSign, limitSign] = [`$${parameters.length + 1}`, `$${parameters.length + 2}`];
  // One statement is one snapshot: what is not found in it comes after its newest.
  const sql = `SELECT newest.seq AS newest, found.* FROM (SELECT max(seq) AS seq FROM ${table}) AS newest
    LEFT JOIN LATERAL (SELECT seq, ${columns} FROM ${table} WHERE seq > ${afterSign}${andAll(conditions)}
      ORDER BY seq LIMIT ${limitSign}) AS found ON true
    ORDER BY found.seq`;
  const all: { seq: string | null; newest: string | null }[] = await withStore(() =>
    dataSource.query(sql, [...parameters, after, limit]),
  );
  const rows = all.filter((row): row is typeof row & { seq: string } => row.seq !== null);
  const last = rows.length < limit ? all[0]?.newest : rows.at(-1)?.seq;
  return { items: rows.map((row) => toItem(row as never)), position: later(after, last ?? "0") };
}

/** The position of the newest row; "0" where there is none. */
export async function latestPosition(dataSource: DataSource, table: string): Promise<string> {
  const rows: { newest: string | null }[] = await withStore(() =>
    dataSource.query(`SELECT max(seq) AS newest FROM ${table}`),
  );
  return rows[0]?.newest ?? "0";
}

/** Retention may remove the newest row: a position never goes back, or what comes next would be taken for old. */
const later = (one: string, other: string): string => (BigInt(one) > BigInt(other) ? one : other);
