import { createHash } from "node:crypto";
import type { DataSource, EntityManager } from "typeorm";
import { asyncLimits, type NewAsyncInvocation } from "../../model/async-invocation.js";
import type { Accepted, KeptResult } from "../../model/async-work.js";
import type { Invocation } from "../../model/invocation.js";
import type { InvocationFilter } from "../../model/record-filter.js";
import { isId } from "../../model/validate-name.js";
import { SqlParameters } from "../table.js";
import { withStore } from "../with-store.js";
import {
  asQueued,
  cancelChannel,
  tell,
  wake,
  workChannel,
  writeRecords,
  type StatusChange,
} from "./async-invocation-rows.js";
import { invocationColumns, recordColumns, toInvocation, type InvocationRow } from "./invocation-row.js";
import { arraysOf } from "./column-arrays.js";
import { insertRecords, invocationChannel } from "./invocation.repository.js";
import { andAll, invocationConditions } from "./record-filter-sql.js";
import { rowsAsJson } from "./record-once.js";

interface ChangedRow {
  readonly id: string;
  readonly accepted_at: Date;
  readonly attempts: number;
  readonly finished_at: Date | null;
}

/** Asynchronous invocations as callers see them: put in, called off, run again, and their results. */
export class AsyncInvocationRepository {
  /** `now` is SQL for the present: the database's clock is the only one that counts. */
  constructor(
    private readonly dataSource: DataSource,
    private readonly now = "now()",
  ) {}

  enqueue(given: readonly NewAsyncInvocation[]): Promise<Accepted[]> {
    return writeRecords(this.dataSource, (db) => insertAsync(db, given, this.now));
  }

  /** A lease that no instance has answered for yet was no attempt: its record is not RUNNING. */
  cancel(id: string): Promise<Invocation | undefined> {
    const sql = `UPDATE async_invocation AS a SET state = 'CANCELLED', epoch = epoch + 1, lease_until = NULL, body = '',
        finished_at = ${this.now}, attempts = attempts - (SELECT count(*) FROM invocation AS i
          WHERE a.state = 'RUNNING' AND i.id = a.id AND i.accepted_at = a.accepted_at AND i.status <> 'RUNNING')
      WHERE id = $1 AND state IN ('QUEUED', 'RUNNING')
      RETURNING id, accepted_at, attempts + attempts_before AS attempts, finished_at`;
    return this.#change(id, async (db) => {
      const [rows] = await db.query<[ChangedRow[], number]>(sql, [id]);
      await wake(db, cancelChannel);
      return rows.map((row) => ({ ...row, status: "CANCELLED", error: "It was called off." }));
    });
  }

  redrive(id: string): Promise<Invocation | undefined> {
    return this.#change(id, (db) => this.#redrive(db, "id = $1", [id]));
  }

  /** They are looked for before the lock of the records is taken, so that a long search keeps nobody from writing. */
  async redriveAll(filter: InvocationFilter, limit: number): Promise<number> {
    let count = 0;
    for (let isMore = true; isMore && count < limit;) {
      const wanted = limit - count;
      const ids = await this.#findDead(filter, wanted);
      const redrive = async (db: EntityManager): Promise<Invocation[]> =>
        tell(db, await this.#redrive(db, "id = ANY($1::uuid[])", [ids]));
      count += (await writeRecords(this.dataSource, redrive)).length;
      isMore = ids.length === wanted;
    }
    return count;
  }

  async isAsync(id: string): Promise<boolean> {
    if (!isId(id)) return false;
    const sql = "SELECT FROM async_invocation WHERE id = $1";
    const rows: unknown[] = await withStore(() => this.dataSource.query(sql, [id]));
    return rows.length > 0;
  }

  async results(ids: readonly string[]): Promise<Map<string, KeptResult>> {
    const sql = `SELECT id, result, result_body FROM async_invocation WHERE id = ANY($1::uuid[]) AND result IS NOT NULL`;
    const rows: ResultRow[] = await withStore(() => this.dataSource.query(sql, [ids.filter(isId)]));
    return new Map(rows.map(({ id, result, result_body: body }) => [id, { ...result, body: body ?? Buffer.alloc(0) }]));
  }

  /** For who was told the secret when it was accepted. */
  async findByToken(id: string, token: string): Promise<Invocation | undefined> {
    if (!isId(id) || !/^[\w-]{43}$/.test(token)) return undefined;
    const sql = `SELECT ${prefixed("i")} FROM async_invocation AS a
      JOIN invocation AS i ON i.id = a.id AND i.accepted_at = a.accepted_at
      WHERE a.id = $1 AND sha256(convert_to(a.status_token, 'UTF8')) = sha256(convert_to($2, 'UTF8'))`;
    const rows: InvocationRow[] = await withStore(() => this.dataSource.query(sql, [id, token]));
    return rows.map(toInvocation)[0];
  }

  /** The oldest that match. */
  async #findDead({ statuses: _, ...which }: InvocationFilter, limit: number): Promise<string[]> {
    const { values, add } = new SqlParameters();
    const sql = `SELECT id FROM async_invocation WHERE state = 'DEAD'${andAll(invocationConditions(which, add))}
      ORDER BY accepted_at, id LIMIT ${add(limit)}`;
    const rows: { id: string }[] = await withStore(() => this.dataSource.query(sql, values));
    return rows.map(({ id }) => id);
  }

  async #redrive(db: EntityManager, which: string, values: readonly unknown[]): Promise<StatusChange[]> {
    const sql = `UPDATE async_invocation SET state = 'QUEUED', attempts_before = attempts_before + attempts, attempts = 0,
        available_at = ${this.now}, finished_at = NULL, result = NULL, result_body = NULL,
        patience_until = ${this.now} + interval '${asyncLimits.patienceSeconds} s'
      WHERE ${which} AND state = 'DEAD'
      RETURNING id, accepted_at, attempts_before AS attempts, finished_at`;
    const [rows] = await db.query<[ChangedRow[], number]>(sql, [...values]);
    if (rows.length > 0) await wake(db, workChannel);
    return rows.map((row) => ({ ...row, status: "QUEUED" }));
  }

  async #change(id: string, work: (db: EntityManager) => Promise<StatusChange[]>): Promise<Invocation | undefined> {
    if (!isId(id)) return undefined;
    return writeRecords(this.dataSource, async (db) => (await tell(db, await work(db)))[0]);
  }
}

interface ResultRow {
  readonly id: string;
  readonly result: Omit<KeptResult, "body">;
  readonly result_body: Buffer | null;
}

const prefixed = (table: string): string =>
  invocationColumns
    .split(",")
    .map((column) => `${table}.${column.trim()}`)
    .join(", ");

const inserting = (now: string): string => `
  INSERT INTO async_invocation (id, namespace, function_id, version, source, trigger_id, method, target, headers, route,
    body, accepted_at, state, available_at, patience_until, max_attempts, idempotency_key, request_digest, status_token,
    on_success, on_failure, depth)
  SELECT id, namespace, function_id, version, source, trigger_id, method, target, headers, route,
    decode(body, 'base64'), accepted_at, 'QUEUED', ${now} + make_interval(secs => delay_seconds),
    ${now} + make_interval(secs => delay_seconds + ${asyncLimits.patienceSeconds}), max_attempts, idempotency_key,
    request_digest, status_token, on_success, on_failure, depth
  FROM json_to_recordset($1::json) AS given (id uuid, namespace text, function_id uuid, version integer, source text,
    trigger_id uuid, method text, target text, headers jsonb, route jsonb, body text, accepted_at timestamptz,
    delay_seconds integer, max_attempts integer, idempotency_key text, request_digest text,
    status_token text, on_success jsonb, on_failure jsonb, depth integer)
  ON CONFLICT (function_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
  RETURNING id`;

/** Under the lock of the records. The answers are in the order of what was given. */
export async function insertAsync(
  db: EntityManager,
  given: readonly NewAsyncInvocation[],
  now: string,
): Promise<Accepted[]> {
  await freeOldKeys(db, given, now);
  const inserted: { id: string }[] = await db.query(inserting(now), [rowsAsJson(given.map(toRow))]);
  const ids = new Set(inserted.map(({ id }) => id));
  const added = given.filter(({ id }) => ids.has(id));
  const records = added.map((one) => ({ invocation: asQueued(one), namespace: one.namespace }));
  await db.query(insertRecords, arraysOf(recordColumns, records));
  await wake(db, invocationChannel, workChannel);
  const earlier = await earlierOnes(
    db,
    given.filter(({ id }) => !ids.has(id)),
  );
  return given.map((one) =>
    ids.has(one.id)
      ? { invocation: asQueued(one), statusToken: one.statusToken, isNew: true, isOfOther: false }
      : (earlier.get(keyOf(one.functionId, one.idempotencyKey)) as EarlierOne).under(digestOf(one)),
  );
}

const keyOf = (functionId: string, key: string | null): string => `${functionId}/${key}`;

const toRow = (given: NewAsyncInvocation): object => ({
  id: given.id,
  namespace: given.namespace,
  function_id: given.functionId,
  version: given.version,
  source: given.source,
  trigger_id: given.triggerId,
  method: given.method,
  target: given.target,
  headers: given.headers,
  route: given.route,
  body: given.body.toString("base64"),
  accepted_at: given.acceptedAt,
  delay_seconds: given.delaySeconds,
  max_attempts: given.maxAttempts,
  idempotency_key: given.idempotencyKey,
  request_digest: digestOf(given),
  status_token: given.statusToken,
  on_success: given.onSuccess,
  on_failure: given.onFailure,
  depth: given.depth,
});

/** Of what the function is asked; headers differ from one try to the next. Null without a key: nothing is compared. */
function digestOf({ idempotencyKey, method, target, body }: NewAsyncInvocation): string | null {
  if (idempotencyKey === null) return null;
  return createHash("sha256")
    .update(JSON.stringify([method, target]))
    .update(body)
    .digest("hex");
}

/** A key is good for a day: then it may mean another invocation. */
async function freeOldKeys(db: EntityManager, given: readonly NewAsyncInvocation[], now: string): Promise<void> {
  const keyed = given.filter(({ idempotencyKey }) => idempotencyKey !== null);
  if (keyed.length === 0) return;
  await db.query(
    `UPDATE async_invocation SET idempotency_key = NULL WHERE id IN (
      SELECT a.id FROM async_invocation AS a JOIN unnest($1::uuid[], $2::text[]) AS given (function_id, key)
        ON a.function_id = given.function_id AND a.idempotency_key = given.key
      WHERE a.accepted_at < ${now} - interval '${asyncLimits.idempotencySeconds} s' ORDER BY a.id FOR UPDATE OF a)`,
    [keyed.map(({ functionId }) => functionId), keyed.map(({ idempotencyKey }) => idempotencyKey)],
  );
}

interface EarlierOne {
  /** As the answer to a request with this digest. */
  readonly under: (digest: string | null) => Accepted;
}

async function earlierOnes(
  db: EntityManager,
  refused: readonly NewAsyncInvocation[],
): Promise<Map<string, EarlierOne>> {
  if (refused.length === 0) return new Map();
  const rows: EarlierRow[] = await db.query(
    `SELECT ${prefixed("i")}, a.idempotency_key, a.request_digest, a.status_token
      FROM unnest($1::uuid[], $2::text[]) AS given (function_id, key)
      JOIN async_invocation AS a ON a.function_id = given.function_id AND a.idempotency_key = given.key
      JOIN invocation AS i ON i.id = a.id AND i.accepted_at = a.accepted_at`,
    [refused.map(({ functionId }) => functionId), refused.map(({ idempotencyKey }) => idempotencyKey)],
  );
  return new Map(
    rows.map((row) => [
      keyOf(row.function_id, row.idempotency_key),
      {
        under: (digest) => ({
          ...{ invocation: toInvocation(row), statusToken: row.status_token, isNew: false },
          isOfOther: row.request_digest !== null && row.request_digest !== digest,
        }),
      },
    ]),
  );
}

type EarlierRow = InvocationRow & {
  readonly idempotency_key: string;
  readonly request_digest: string | null;
  readonly status_token: string;
};
