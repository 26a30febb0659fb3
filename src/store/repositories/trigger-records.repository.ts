import type { DataSource } from "typeorm";
import type { TriggerCondition, TriggerStatus } from "../../model/trigger.js";
import { isId } from "../../model/validate-name.js";
import { withStore } from "../with-store.js";

export interface StatusReport {
  readonly triggerId: string;
  readonly condition: TriggerCondition;
  readonly reason: string | null;
  readonly since: Date;
  /** Where something else was said after this, that stays. */
  readonly unlessAfter?: Date;
}

type StatusRow = TriggerStatus & { readonly id: string };

/** What the process that runs the triggers has written of them; no part of the resources. */
export class TriggerRecordsRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Those of which something was said, by id. */
  async statuses(ids: readonly string[]): Promise<Map<string, TriggerStatus>> {
    const sql = `SELECT trigger_id AS id, condition, reason, since FROM trigger_status WHERE trigger_id = ANY($1)`;
    const rows: StatusRow[] = await this.#query(sql, [ids.filter(isId)]);
    return new Map(rows.map(({ id, ...status }) => [id, status]));
  }

  /** When the function of a time trigger was called last; of those for which it was. */
  async lastRuns(ids: readonly string[]): Promise<Map<string, Date>> {
    const sql = `SELECT trigger_id AS id, run_at AS at FROM timer_run WHERE trigger_id = ANY($1) AND run_at IS NOT NULL`;
    const rows: { id: string; at: Date }[] = await this.#query(sql, [ids.filter(isId)]);
    return new Map(rows.map(({ id, at }) => [id, at]));
  }

  /** Takes what is different from what was said last; no trigger is to be in it twice. */
  async report(reports: readonly StatusReport[]): Promise<void> {
    const sql = `INSERT INTO trigger_status (trigger_id, condition, reason, since)
      SELECT report.id, report.condition, report.reason, report.since
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
        AS report (id, condition, reason, since, unless_after)
      WHERE NOT EXISTS (SELECT FROM trigger_status s WHERE s.trigger_id = report.id AND s.since > report.unless_after)
      ON CONFLICT (trigger_id) DO UPDATE SET condition = excluded.condition, reason = excluded.reason, since = excluded.since
        WHERE (trigger_status.condition, trigger_status.reason) IS DISTINCT FROM (excluded.condition, excluded.reason)`;
    await this.#query(sql, [
      reports.map(({ triggerId }) => triggerId),
      reports.map(({ condition }) => condition),
      reports.map(({ reason }) => reason),
      reports.map(({ since }) => since),
      reports.map(({ unlessAfter = null }) => unlessAfter),
    ]);
  }

  #query<T>(sql: string, parameters: readonly unknown[]): Promise<T[]> {
    return withStore(() => this.dataSource.query<T[]>(sql, [...parameters]));
  }
}
