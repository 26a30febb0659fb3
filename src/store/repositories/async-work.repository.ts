import type { DataSource } from "typeorm";
import type { Destination } from "../../model/async-invocation.js";
import type { Backlog, Expired, Lease, Leased, Settlement } from "../../model/async-work.js";
import { withStore } from "../with-store.js";
import {
  queuedFunctions,
  tell,
  wake,
  workChannel,
  writeInTime,
  writeRecords,
  type StatusChange,
} from "./async-invocation-rows.js";
import { sendWord, type WordOf } from "./async-destinations.js";
import { rowsAsJson } from "./record-once.js";

/**
 * Asynchronous invocations as workers see them: who may begin, leases, and what became of attempts. A lease is taken with
 * FOR UPDATE SKIP LOCKED, so who takes one waits for nobody's rows, and counts the row's epoch up; what is settled or
 * renewed names the epoch and touches no row that has a later one. Whoever may wait for several rows locks them in the
 * order of their ids, so that nobody waits in a circle.
 */
export class AsyncWorkRepository {
  /** `now` is SQL for the present: the database's clock is the only one that counts. */
  constructor(
    private readonly dataSource: DataSource,
    private readonly now = "now()",
  ) {}

  /** Costs as much as there are functions, not invocations. */
  async backlog(after: string, functions: number, perFunction: number): Promise<Backlog[]> {
    const sql = `WITH RECURSIVE ${queuedFunctions("$1")}, counted AS (
        SELECT function_id, (SELECT count(*)::integer FROM (
          SELECT FROM async_invocation AS a WHERE a.state = 'QUEUED' AND a.function_id = queued.function_id
            AND a.available_at <= ${this.now} LIMIT $3) AS ready) AS due
        FROM (SELECT function_id FROM queued WHERE function_id IS NOT NULL LIMIT $2) AS queued
      ) SELECT function_id AS "functionId", due FROM counted`;
    return withStore(() => this.dataSource.query(sql, [after, functions, perFunction]));
  }

  lease(
    wanted: readonly { readonly functionId: string; readonly count: number }[],
    leaseMs: number,
  ): Promise<Leased[]> {
    const sql = `WITH picked AS MATERIALIZED (
        SELECT found.id FROM unnest($1::uuid[], $2::integer[]) AS wanted (function_id, count) CROSS JOIN LATERAL (
          SELECT a.id FROM async_invocation AS a WHERE a.state = 'QUEUED' AND a.function_id = wanted.function_id
            AND a.available_at <= ${this.now} ORDER BY a.available_at, a.id LIMIT wanted.count FOR UPDATE SKIP LOCKED
        ) AS found
      ) UPDATE async_invocation AS a SET state = 'RUNNING', epoch = a.epoch + 1, attempts = a.attempts + 1,
        lease_until = ${this.now} + make_interval(secs => $3 / 1000.0)
      FROM picked WHERE a.id = picked.id
      RETURNING a.id, a.epoch, a.function_id, a.version, a.source, a.trigger_id, a.method, a.target, a.headers, a.route,
        a.body, a.attempts, a.attempts + a.attempts_before AS attempts_in_all, a.max_attempts,
        extract(epoch FROM a.patience_until - ${this.now})::float8 * 1000 AS patience_ms`;
    const [ids, counts] = [wanted.map(({ functionId }) => functionId), wanted.map(({ count }) => count)];
    return writeInTime(this.dataSource, async (db) => {
      const [rows] = await db.query<[LeasedRow[], number]>(sql, [ids, counts, leaseMs]);
      return rows.map(toLeased);
    });
  }

  /** Whoever is leased may wait for room yet: to who asks it is QUEUED until an instance has it. */
  async begun(held: readonly Lease[]): Promise<void> {
    const sql = `SELECT a.id, a.accepted_at, a.attempts + a.attempts_before AS attempts FROM async_invocation AS a
      JOIN unnest($1::uuid[], $2::integer[]) AS held (id, epoch) ON a.id = held.id AND a.epoch = held.epoch
      WHERE a.state = 'RUNNING'`;
    const values = [held.map(({ id }) => id), held.map(({ epoch }) => epoch)];
    await writeRecords(this.dataSource, async (db) => {
      const rows = await db.query<Omit<StatusChange, "status">[]>(sql, values);
      await tell(
        db,
        rows.map((row) => ({ ...row, status: "RUNNING" })),
      );
    });
  }

  async held(leases: readonly Lease[]): Promise<Lease[]> {
    const sql = `SELECT a.id, a.epoch FROM async_invocation AS a
      JOIN unnest($1::uuid[], $2::integer[]) AS held (id, epoch) ON a.id = held.id AND a.epoch = held.epoch
      WHERE a.state = 'RUNNING'`;
    const values = [leases.map(({ id }) => id), leases.map(({ epoch }) => epoch)];
    return withStore(() => this.dataSource.query<Lease[]>(sql, values));
  }

  async renew(held: readonly Lease[], leaseMs: number): Promise<Lease[]> {
    if (held.length === 0) return [];
    const sql = `UPDATE async_invocation AS a SET lease_until = ${this.now} + make_interval(secs => $3 / 1000.0)
      FROM (
        SELECT old.id, old.epoch FROM async_invocation AS old
        JOIN unnest($1::uuid[], $2::integer[]) AS held (id, epoch) ON old.id = held.id AND old.epoch = held.epoch
        WHERE old.state = 'RUNNING' ORDER BY old.id FOR UPDATE OF old
      ) AS mine WHERE a.id = mine.id AND a.epoch = mine.epoch AND a.state = 'RUNNING' RETURNING a.id, a.epoch`;
    const values = [held.map(({ id }) => id), held.map(({ epoch }) => epoch), leaseMs];
    const [rows] = await withStore(() => this.dataSource.query<[Lease[], number]>(sql, values));
    return rows;
  }

  settle(settlements: readonly Settlement[]): Promise<string[]> {
    return writeRecords(this.dataSource, async (db) => {
      const [rows] = await db.query<[SettledRow[], number]>(settling(this.now), [rowsAsJson(settlements.map(toRow))]);
      const byId = new Map(settlements.map((settlement) => [settlement.id, settlement]));
      const settled = rows.flatMap((row) => {
        const by = byId.get(row.id);
        return by === undefined ? [] : [{ row, by }];
      });
      const unsent = await sendWord(db, settled.flatMap(wordOf), this.now);
      await tell(
        db,
        settled.map(({ row, by }) => changeOf(row, by, unsent.get(row.id))),
      );
      if (settled.some(({ by }) => by.decision.state === "QUEUED" && by.decision.afterMs === 0)) {
        await wake(db, workChannel);
      }
      return rows.map(({ id }) => id);
    });
  }

  async expired(limit: number): Promise<Expired[]> {
    const sql = `SELECT id, epoch, attempts, max_attempts AS "maxAttempts", octet_length(body) AS "requestBytes",
        extract(epoch FROM patience_until - ${this.now})::float8 * 1000 AS "patienceMs"
      FROM async_invocation WHERE state = 'RUNNING' AND lease_until < ${this.now} ORDER BY lease_until LIMIT $1`;
    return withStore(() => this.dataSource.query(sql, [limit]));
  }

  async isLiving(functionId: string): Promise<boolean> {
    const sql = "SELECT FROM function WHERE id = $1 AND deleted_at IS NULL";
    const rows: unknown[] = await withStore(() => this.dataSource.query(sql, [functionId]));
    return rows.length > 0;
  }
}

/** As the driver gives it. */
interface LeasedRow {
  readonly id: string;
  readonly epoch: number;
  readonly function_id: string;
  readonly version: number | null;
  readonly source: Leased["source"];
  readonly trigger_id: string | null;
  readonly method: string;
  readonly target: string;
  readonly headers: Leased["headers"];
  readonly route: Leased["route"];
  readonly body: Buffer;
  readonly attempts: number;
  readonly attempts_in_all: number;
  readonly max_attempts: number;
  readonly patience_ms: number;
}

const toLeased = (row: LeasedRow): Leased => ({
  id: row.id,
  epoch: row.epoch,
  functionId: row.function_id,
  version: row.version,
  source: row.source,
  triggerId: row.trigger_id,
  method: row.method,
  target: row.target,
  headers: row.headers,
  route: row.route,
  body: row.body,
  attempts: row.attempts,
  attemptsInAll: row.attempts_in_all,
  maxAttempts: row.max_attempts,
  patienceMs: row.patience_ms,
});

/** The body is kept for as long as it may be needed: by another attempt, or by who is to have word of it. */
const settling = (now: string): string => `
  UPDATE async_invocation AS a SET state = g.state, lease_until = NULL,
    available_at = CASE WHEN g.state = 'QUEUED' THEN ${now} + make_interval(secs => g.after_ms / 1000.0)
      ELSE a.available_at END,
    attempts = a.attempts - g.no_attempts,
    finished_at = CASE WHEN g.state = 'QUEUED' THEN NULL ELSE ${now} END,
    result = g.result, result_body = decode(g.result_body, 'base64'),
    body = CASE WHEN g.state = 'SUCCEEDED' THEN '' ELSE a.body END
  FROM (
    SELECT g.*, old.body AS old_body FROM json_to_recordset($1::json) AS g (id uuid, epoch integer, state text,
      after_ms double precision, no_attempts integer, is_expiry boolean, result jsonb, result_body text)
    JOIN async_invocation AS old ON old.id = g.id
    WHERE old.epoch = g.epoch AND old.state = 'RUNNING' AND (NOT g.is_expiry OR old.lease_until < ${now})
    ORDER BY old.id FOR UPDATE OF old
  ) AS g WHERE a.id = g.id
  RETURNING a.id, a.accepted_at, a.attempts + a.attempts_before AS attempts, a.finished_at, a.namespace, a.function_id,
    a.source, a.method, a.target, a.depth,
    CASE a.state WHEN 'SUCCEEDED' THEN a.on_success WHEN 'DEAD' THEN a.on_failure END AS destination,
    CASE WHEN a.state = 'SUCCEEDED' AND a.on_success IS NOT NULL OR a.state = 'DEAD' AND a.on_failure IS NOT NULL
      THEN g.old_body END AS request_body`;

type SettledRow = Omit<WordOf, "settlement" | "destination"> & { readonly destination: Destination | null };

const toRow = ({ id, epoch, decision, isExpiry, result }: Settlement): object => ({
  id,
  epoch,
  state: decision.state,
  after_ms: decision.state === "QUEUED" ? decision.afterMs : 0,
  no_attempts: decision.state === "QUEUED" && !decision.isAttempt ? 1 : 0,
  is_expiry: isExpiry ?? false,
  ...(result != null &&
    decision.state !== "QUEUED" && {
      result: { httpStatus: result.httpStatus, headers: result.headers },
      result_body: result.body.toString("base64"),
    }),
});

const changeOf = (
  row: SettledRow,
  { decision, httpStatus, told, note }: Settlement,
  unsent: string | undefined,
): StatusChange => ({
  id: row.id,
  accepted_at: row.accepted_at,
  status: decision.state,
  attempts: row.attempts,
  error: [decision.state === "SUCCEEDED" ? note : decision.error, unsent].filter(Boolean).join(" ") || null,
  http_status: httpStatus ?? null,
  finished_at: row.finished_at,
  ...(told && {
    function_version: told.functionVersion,
    cold_start: told.coldStart,
    wait_ms: told.waitMs,
    request_bytes: told.requestBytes,
    response_bytes: told.responseBytes,
    instance: told.instance,
  }),
});

const wordOf = ({ row, by }: { row: SettledRow; by: Settlement }): WordOf[] =>
  row.destination === null ? [] : [{ ...row, destination: row.destination, settlement: by }];
