import { QueryFailedError, type DataSource } from "typeorm";
import type { WriteOutcome } from "../../lib/batch-writer.js";
import type { WakeChannel } from "../wakeups.js";
import { withStore } from "../with-store.js";

/** One lock for each sequence whose order is to be that of commits. Any numbers that nobody else uses in this database. */
export const recordLocks = { invocation: 6_626_070_21, logLine: 6_626_070_22 } as const;

/** An INSERT that takes its rows `FROM fresh CROSS JOIN …`, with parameters from `$first` on. */
export interface BatchPart {
  /** By which later parts know what it returns. */
  readonly name: string;
  readonly sql: (first: number) => string;
  readonly values: readonly unknown[];
}

/** Has its one row unless the batch was stored before. Whoever reads it holds the lock until the commit. */
const fresh = `fresh AS (
  INSERT INTO record_batch (id) SELECT $1::uuid FROM (SELECT pg_advisory_xact_lock($2)) AS locked
  ON CONFLICT DO NOTHING RETURNING true AS is_new
)`;

/**
 * Stores a batch under `lock`, unless one of this id was stored before, in one statement: the lock keeps others waiting, so
 * no round trip is to be made under it. `wakes` is told of the commit. REFUSED where the data itself is at fault; rejects
 * where another try may help.
 */
export async function writeOnce(dataSource: DataSource, { lock, id, parts, wakes }: Batch): Promise<WriteOutcome> {
  const values: unknown[] = [id, lock];
  const inserts = parts.map(({ name, sql, values: own }) => {
    const first = values.length + 1;
    values.push(...own);
    return `${name} AS (${sql(first)})`;
  });
  const told = wakes === undefined ? "" : `pg_notify('${wakes}', '')`;
  try {
    await withStore(() => dataSource.query(`WITH ${[fresh, ...inserts].join(", ")} SELECT ${told} FROM fresh`, values));
    return "WRITTEN";
  } catch (error) {
    if (isRefusal(error)) return "REFUSED";
    throw error;
  }
}

export interface Batch {
  readonly lock: number;
  readonly id: string;
  readonly parts: readonly BatchPart[];
  readonly wakes?: WakeChannel;
}

/** SQLSTATE classes for which the data is to blame: bad values, broken constraints, sizes beyond what a row may have. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof QueryFailedError)) return false;
  const { code } = error.driverError as { code?: unknown };
  return typeof code === "string" && ["22", "23", "54"].includes(code.slice(0, 2));
}

/** Rows as JSON for `json_to_recordset`. Postgres text has neither NUL nor halves of surrogate pairs: both become U+FFFD. */
export const rowsAsJson = (rows: readonly object[]): string =>
  JSON.stringify(rows).replace(unstorable, (found) => (found === escapedBackslash ? found : "\\ufffd"));

const escapedBackslash = "\\\\";
/** As JSON has them; an escaped backslash is found first, so that what follows it is not taken for an escape. */
const unstorable = /\\\\|\\u(?:0000|d[89a-f][\da-f]{2})/g;
