/** Rows of `async_invocation`, and what `invocation` is told of their changes. */
import type { DataSource, EntityManager } from "typeorm";
import type { NewAsyncInvocation } from "../../model/async-invocation.js";
import type { Invocation, InvocationStatus } from "../../model/invocation.js";
import { storeUnavailable } from "../store-error.js";
import { withStore } from "../with-store.js";
import { invocationColumns, toInvocation, type InvocationRow } from "./invocation-row.js";
import { invocationChannel } from "./invocation.repository.js";
import { recordLocks, rowsAsJson } from "./record-once.js";
import type { WakeChannel } from "../wakeups.js";

/** Wakes workers: something may begin. */
export const workChannel: WakeChannel = "fermi_async";
/** Wakes workers: something that they run may not be theirs any more. */
export const cancelChannel: WakeChannel = "fermi_async_cancel";

/**
 * Holds until the commit the lock of whoever changes a status: the sequence of invocations is the order of commits. What
 * takes too long is rolled back: the caller has been told that nothing came of it, so nothing may.
 */
export const writeRecords = <T>(dataSource: DataSource, work: (db: EntityManager) => Promise<T>): Promise<T> =>
  writeInTime(dataSource, async (db) => {
    await db.query("SELECT pg_advisory_xact_lock($1)", [recordLocks.invocation]);
    return work(db);
  });

/** What takes too long is rolled back. */
export function writeInTime<T>(dataSource: DataSource, work: (db: EntityManager) => Promise<T>): Promise<T> {
  return withStore((isLate) =>
    dataSource.transaction(async (db) => {
      const result = await work(db);
      if (isLate()) throw storeUnavailable("took too long");
      return result;
    }),
  );
}

export const wake = (db: EntityManager, ...channels: WakeChannel[]): Promise<unknown> =>
  db.query("SELECT pg_notify(channel, '') FROM unnest($1::text[]) AS channel", [channels]);

const nextQueued = (after: string): string => `SELECT function_id FROM async_invocation
  WHERE state = 'QUEUED' AND function_id > ${after} ORDER BY function_id LIMIT 1`;

/** A part of WITH RECURSIVE: functions that have something queued, and a NULL at the end. Hops through the index. */
export const queuedFunctions = (after: string): string => `queued AS (
    (${nextQueued(after)}) UNION ALL
    SELECT (${nextQueued("queued.function_id")}) FROM queued WHERE function_id IS NOT NULL
  )`;

/** What changes in the record; null or absent: as it is, but for error, httpStatus and finished, which are then none. */
export interface StatusChange {
  readonly id: string;
  readonly accepted_at: Date;
  readonly status: InvocationStatus;
  readonly attempts: number;
  readonly error?: string | null;
  readonly http_status?: number | null;
  readonly finished_at?: Date | null;
  readonly function_version?: number;
  readonly cold_start?: boolean;
  readonly wait_ms?: number | null;
  readonly request_bytes?: number;
  readonly response_bytes?: number;
  readonly instance?: string | null;
}

const tellChanges = `
  UPDATE invocation AS i SET seq = nextval('invocation_seq'), status = g.status, attempts = g.attempts, error = g.error,
    http_status = g.http_status, finished_at = g.finished_at,
    duration_ms = extract(epoch FROM g.finished_at - i.accepted_at)::float8 * 1000,
    function_version = coalesce(g.function_version, i.function_version),
    cold_start = coalesce(g.cold_start, i.cold_start), wait_ms = coalesce(g.wait_ms, i.wait_ms),
    request_bytes = coalesce(g.request_bytes, i.request_bytes),
    response_bytes = coalesce(g.response_bytes, i.response_bytes), instance = coalesce(g.instance, i.instance)
  FROM json_to_recordset($1::json) AS g (id uuid, accepted_at timestamptz, status text, attempts integer, error text,
    http_status integer, finished_at timestamptz, function_version integer, cold_start boolean,
    wait_ms double precision, request_bytes bigint, response_bytes bigint, instance text)
  WHERE i.id = g.id AND i.accepted_at = g.accepted_at
  RETURNING ${invocationColumns
    .split(",")
    .map((column) => `i.${column.trim()}`)
    .join(", ")}`;

/** Under the lock of the records. Resolves to the invocations as they are now. */
export async function tell(db: EntityManager, changes: readonly StatusChange[]): Promise<Invocation[]> {
  if (changes.length === 0) return [];
  const [rows] = await db.query<[InvocationRow[], number]>(tellChanges, [rowsAsJson(changes)]);
  await wake(db, invocationChannel);
  return rows.map(toInvocation);
}

/** An invocation as it is recorded when it was accepted. */
export const asQueued = (given: NewAsyncInvocation): Invocation => {
  const query = given.target.indexOf("?");
  return {
    id: given.id,
    functionId: given.functionId,
    functionVersion: given.version ?? given.currentVersion,
    source: given.source,
    triggerId: given.triggerId,
    status: "QUEUED",
    method: given.method,
    path: query === -1 ? given.target : given.target.slice(0, query),
    ...{ httpStatus: null, error: null, coldStart: false, durationMs: null, waitMs: null, attempts: 0 },
    requestBytes: given.body.length,
    responseBytes: 0,
    instance: null,
    acceptedAt: given.acceptedAt,
    finishedAt: null,
  };
};
