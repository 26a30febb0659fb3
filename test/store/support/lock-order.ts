import type { DataSource } from "typeorm";
import { eventually } from "./data-folder.js";

interface Rows {
  /** SELECTs of one row each. */
  readonly first: string;
  readonly second: string;
}

/** Keeps the first row locked until the work waits for it; resolves to whether the work had left the second alone so far. */
export async function locksFirstFirst(
  dataSource: DataSource,
  { first, second }: Rows,
  work: () => Promise<unknown>,
): Promise<boolean> {
  const holder = dataSource.createQueryRunner();
  await holder.startTransaction();
  await holder.query(`${first} FOR UPDATE`);
  const working = work();
  await eventually(async () => {
    const waiting: unknown[] = await dataSource.query(
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (waiting.length === 0) throw new Error("nobody waits");
  });
  const isFree = await dataSource.query(`${second} FOR UPDATE NOWAIT`).then(
    () => true,
    () => false,
  );
  await holder.rollbackTransaction();
  await holder.release();
  await working;
  return isFree;
}
