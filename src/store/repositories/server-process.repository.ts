import type { DataSource } from "typeorm";
import type { ServerProcess } from "../../model/server-process.js";
import { withStore } from "../with-store.js";

type Stored = Omit<ServerProcess, "startedAt"> & { readonly startedAt: string };

/** The processes that run, by what they report of themselves. Times are the database's, so clocks may differ. */
export class ServerProcessRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Resolves to the database's time. `changeSeen` is as for `seen`; null where nothing was taken up yet, or ever. Forgets
   * those that were not heard of for an hour.
   */
  async report(process: ServerProcess, changeSeen: string | null): Promise<Date> {
    const sql = `WITH gone AS (DELETE FROM server_process WHERE seen_at < now() - interval '1 hour' AND id <> $1)
      INSERT INTO server_process (id, seen_at, report, change_seen) VALUES ($1, now(), $2, $3)
      ON CONFLICT (id) DO UPDATE SET seen_at = now(), report = excluded.report, change_seen = excluded.change_seen
      RETURNING clock_timestamp() AS now`;
    const rows: { now: Date }[] = await withStore(() =>
      this.dataSource.query(sql, [process.id, JSON.stringify(process), changeSeen]),
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

  /** The process has taken up all changes up to this one. */
  async seen(id: string, change: string): Promise<void> {
    const sql = `WITH told AS (UPDATE server_process SET change_seen = $2 WHERE id = $1)
      SELECT pg_notify('fermi_process', '')`;
    await withStore(() => this.dataSource.query(sql, [id, change]));
  }

  /** The newest change there is. */
  async lastChange(): Promise<string> {
    const sql = "SELECT coalesce(max(sequence), 0) AS head FROM change";
    const rows: { head: string }[] = await withStore(() => this.dataSource.query(sql));
    return rows[0]?.head ?? "0";
  }

  /** Whether all who were heard of within the last `withinMs` and serve, or lead, have taken up all up to this change. */
  async areUpTo(change: string, withinMs: number): Promise<boolean> {
    const sql = `SELECT count(*) AS behind FROM server_process
      WHERE seen_at > now() - $2 * interval '1 ms' AND change_seen < $1
        AND (report->'roles' ? 'router' OR report->'leads' ? 'poolmgr')`;
    const rows: { behind: string }[] = await withStore(() => this.dataSource.query(sql, [change, withinMs]));
    return rows[0]?.behind === "0";
  }

  async remove(id: string): Promise<void> {
    await withStore(() => this.dataSource.query("DELETE FROM server_process WHERE id = $1", [id]));
  }
}
