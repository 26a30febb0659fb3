import type { DataSource } from "typeorm";
import type { ServerProcess } from "../../model/server-process.js";
import { withStore } from "../with-store.js";

type Stored = Omit<ServerProcess, "startedAt"> & { readonly startedAt: string };

/** The processes that run, by what they report of themselves. Times are the database's, so clocks may differ. */
export class ServerProcessRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Resolves to the database's time. Forgets those that were not heard of for an hour. */
  async report(process: ServerProcess): Promise<Date> {
    const sql = `WITH gone AS (DELETE FROM server_process WHERE seen_at < now() - interval '1 hour' AND id <> $1)
      INSERT INTO server_process (id, seen_at, report) VALUES ($1, now(), $2)
      ON CONFLICT (id) DO UPDATE SET seen_at = now(), report = excluded.report RETURNING clock_timestamp() AS now`;
    const rows: { now: Date }[] = await withStore(() =>
      this.dataSource.query(sql, [process.id, JSON.stringify(process)]),
    );
    return rows[0]?.now ?? new Date(0);
  }

  /** Those that were heard of within the last `withinMs`, in the order of roles and hosts. */
  async list(withinMs: number): Promise<ServerProcess[]> {
    const sql = `SELECT report FROM server_process WHERE seen_at > now() - $1 * interval '1 ms'
      ORDER BY report->'roles', report->>'host', id`;
    const rows: { report: Stored }[] = await withStore(() => this.dataSource.query(sql, [withinMs]));
    return rows.map(({ report }) => ({ ...report, startedAt: new Date(report.startedAt) }));
  }

  async remove(id: string): Promise<void> {
    await withStore(() => this.dataSource.query("DELETE FROM server_process WHERE id = $1", [id]));
  }
}
