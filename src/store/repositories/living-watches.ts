import type { DataSource } from "typeorm";
import { WatchTriggerEntity } from "../entities/watch-trigger.entity.js";
import { Table } from "../table.js";
import { withStore } from "../with-store.js";

export type LivingWatch = WatchTriggerEntity & {
  /** Of the function's current version. */
  readonly functionVersionId: string;
};

/** Every watch trigger that is not deleted, disabled ones too. */
export class LivingWatches {
  constructor(private readonly dataSource: DataSource) {}

  async load(): Promise<LivingWatch[]> {
    const table = new Table(this.dataSource.manager, WatchTriggerEntity);
    const sql = `SELECT ${table.columns("r")}, f.current_version_id AS version
      FROM watch_trigger r JOIN function f ON f.id = r.function_id WHERE r.deleted_at IS NULL`;
    const rows: (Record<string, unknown> & { version: string })[] = await withStore(() => this.dataSource.query(sql));
    return rows.map(({ version, ...row }) => Object.assign(table.hydrate(row), { functionVersionId: version }));
  }
}
