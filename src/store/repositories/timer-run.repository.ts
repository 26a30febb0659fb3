import type { DataSource } from "typeorm";
import type { TriggerCondition } from "../../model/trigger.js";
import { withStore } from "../with-store.js";

interface Asked {
  readonly triggerId: string;
  readonly revision: number;
  readonly dueAt: Date;
}

type Answer =
  { readonly outcome: "RUN"; readonly withinMs: number } | { readonly outcome: "SKIPPED" | "KNOWN" | "CHANGED" };

interface AnswerRow {
  readonly id: string;
  readonly outcome: Answer["outcome"];
  readonly seconds: number | null;
}

interface KnownRow {
  readonly id: string;
  readonly decidedAt: Date | null;
  readonly condition: TriggerCondition | null;
}

/** To a function's time limit this is added: it may have to wait for an instance first. */
const waitSeconds = 60;

/**
 * What is noted of a moment further ahead than this was noted while a clock was wrong, and binds nobody any more. Clocks of
 * processes and of the database may differ by less.
 */
const clocksDifferBy = "interval '5 minutes'";

/** The record by which every due time of a time trigger is run once at most. */
export class TimerRunRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Decides on due times in one statement. A row is written only for triggers that are as the caller knows them, and only
   * forwards in time: who comes second finds it decided. It goes back once from what is yet to come to what is due, so that
   * a clock that was ahead silences nothing. No trigger is to be in it twice.
   */
  async ask(asked: readonly Asked[]): Promise<Map<string, Answer>> {
    const rows: AnswerRow[] = await withStore(() =>
      this.dataSource.query(askSql, [
        asked.map(({ triggerId }) => triggerId),
        asked.map(({ revision }) => revision),
        asked.map(({ dueAt }) => dueAt),
      ]),
    );
    return new Map(
      rows.map(({ id, outcome, seconds }) => [
        id,
        outcome === "RUN" ? { outcome, withinMs: (seconds ?? waitSeconds) * 1_000 } : { outcome },
      ]),
    );
  }

  /** Of a run that was followed by another one nothing is written: the other one counts. */
  async finish(finished: readonly { readonly triggerId: string; readonly dueAt: Date }[]): Promise<void> {
    const sql = `UPDATE timer_run r SET finished_at = now()
      FROM unnest($1::uuid[], $2::timestamptz[]) AS f(id, due) WHERE r.trigger_id = f.id AND r.run_due_at = f.due`;
    const parameters = [finished.map(({ triggerId }) => triggerId), finished.map(({ dueAt }) => dueAt)];
    await withStore(() => this.dataSource.query(sql, parameters));
  }

  /** What was decided of the triggers, and said of them, last. */
  async known(triggerIds: readonly string[]): Promise<Map<string, Omit<KnownRow, "id">>> {
    if (triggerIds.length === 0) return new Map();
    const sql = `SELECT t.id, r.due_at AS "decidedAt", s.condition FROM unnest($1::uuid[]) AS t(id)
      LEFT JOIN timer_run r ON r.trigger_id = t.id LEFT JOIN trigger_status s ON s.trigger_id = t.id`;
    const rows: KnownRow[] = await withStore(() => this.dataSource.query(sql, [triggerIds]));
    return new Map(rows.map(({ id, ...known }) => [id, known]));
  }
}

const isToCome = (moment: string): string => `${moment} > now() + ${clocksDifferBy}`;

/** The run before is not over, and the trigger does not want two at a time. */
const overlaps = `(r.run_at IS NOT NULL AND r.finished_at IS NULL AND r.over_by > now() AND NOT ${isToCome("r.run_at")}
  AND (SELECT t.overlap FROM time_trigger t WHERE t.id = r.trigger_id) = 'SKIP')`;

const keptWhileOverlapping = (column: string, otherwise: string): string =>
  `${column} = CASE WHEN ${overlaps} THEN r.${column} ELSE ${otherwise} END`;

const askSql = `WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::timestamptz[]) AS a(id, revision, due)
  ), fit AS (
    SELECT a.id, a.due, (f.settings->>'timeoutSeconds')::integer + ${waitSeconds} AS seconds FROM asked a
      JOIN time_trigger t ON t.id = a.id AND t.revision = a.revision AND t.enabled AND t.deleted_at IS NULL
      JOIN function f ON f.id = t.function_id
  ), written AS (
    INSERT INTO timer_run AS r (trigger_id, due_at, run_due_at, run_at, over_by)
      SELECT id, due, due, now(), now() + seconds * interval '1 second' FROM fit
    ON CONFLICT (trigger_id) DO UPDATE SET due_at = excluded.due_at,
      ${keptWhileOverlapping("run_due_at", "excluded.run_due_at")},
      ${keptWhileOverlapping("run_at", "excluded.run_at")},
      ${keptWhileOverlapping("over_by", "excluded.over_by")},
      ${keptWhileOverlapping("finished_at", "NULL")}
      WHERE r.due_at < excluded.due_at OR ${isToCome("r.due_at")} AND NOT ${isToCome("excluded.due_at")}
    RETURNING r.trigger_id, r.run_due_at = r.due_at AS runs
  )
  SELECT a.id, f.seconds, CASE WHEN f.id IS NULL THEN 'CHANGED' WHEN w.runs IS NULL THEN 'KNOWN'
    WHEN w.runs THEN 'RUN' ELSE 'SKIPPED' END AS outcome
  FROM asked a LEFT JOIN fit f ON f.id = a.id LEFT JOIN written w ON w.trigger_id = a.id`;
