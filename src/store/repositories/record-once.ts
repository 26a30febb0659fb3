import { QueryFailedError, type DataSource, type EntityManager } from "typeorm";
import type { WriteOutcome } from "../../lib/batch-writer.js";
import { withStore } from "../with-store.js";

/** One lock for each sequence whose order is to be that of commits. Any numbers that nobody else uses in this database. */
export const recordLocks = { invocation: 6_626_070_21, logLine: 6_626_070_22 } as const;

/**
 * Runs `work` in a transaction that holds `lock` until its commit, unless a batch of this id was stored before. REFUSED
 * where the data itself is at fault; rejects where another try may help.
 */
export async function writeOnce(
  dataSource: DataSource,
  lock: number,
  batchId: string,
  work: (manager: EntityManager) => Promise<void>,
): Promise<WriteOutcome> {
  try {
    await withStore(() =>
      dataSource.transaction(async (manager) => {
        await manager.query("SELECT pg_advisory_xact_lock($1)", [lock]);
        const isNew = "INSERT INTO record_batch (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id";
        const inserted: unknown[] = await manager.query(isNew, [batchId]);
        if (inserted.length > 0) await work(manager);
      }),
    );
    return "WRITTEN";
  } catch (error) {
    if (isRefusal(error)) return "REFUSED";
    throw error;
  }
}

/** SQLSTATE classes for which the data is to blame: bad values, broken constraints, sizes beyond what a row may have. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof QueryFailedError)) return false;
  const { code } = error.driverError as { code?: unknown };
  return typeof code === "string" && ["22", "23", "54"].includes(code.slice(0, 2));
}

/** Rows as JSON for `json_to_recordset`. Postgres text has neither NUL nor halves of surrogate pairs: both become U+FFFD. */
export const rowsAsJson = (rows: readonly object[]): string =>
  JSON.stringify(rows, (_key, value: unknown) =>
    typeof value === "string" ? value.replace(/[\0\p{Surrogate}]/gu, "\uFFFD") : value,
  );
