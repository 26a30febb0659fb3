import type { DataSource, EntityManager } from "typeorm";
import type { WriteOutcome } from "../../lib/batch-writer.js";
import type { Invocation } from "../../model/invocation.js";
import type { Page, PageRequest } from "../../model/page.js";
import type { InvocationRecord, RecordBatch } from "../../model/record-batch.js";
import type { InvocationFilter } from "../../model/record-filter.js";
import {
  invocationColumns as columns,
  invocationKeyset,
  toInvocation,
  toRecordRow,
  type InvocationRow,
} from "./invocation-row.js";
import { isId } from "../../model/validate-name.js";
import { SqlParameters } from "../table.js";
import type { WakeChannel } from "../wakeups.js";
import { withStore } from "../with-store.js";
import { addCounts } from "./invocation-stats.repository.js";
import { andAll, invocationConditions } from "./record-filter-sql.js";
import { recordLocks, rowsAsJson, writeOnce } from "./record-once.js";
import { pageOf, pageQuery } from "./record-page.js";
import { latestPosition, readSequence } from "./record-sequence.js";

/** Wakes those who follow the sequence of invocations. */
export const invocationChannel: WakeChannel = "fermi_invocation";

export const insertRecords = `
  INSERT INTO invocation (seq, namespace, ${columns})
  SELECT nextval('invocation_seq'), namespace, ${columns}
  FROM json_to_recordset($1::json) AS record (namespace text, id uuid, function_id uuid, function_version integer,
    source text, trigger_id uuid, status text, method text, path text, http_status integer, error text,
    cold_start boolean, duration_ms double precision, wait_ms double precision, attempts integer, request_bytes bigint,
    response_bytes bigint, instance text, accepted_at timestamptz, finished_at timestamptz)
  ON CONFLICT DO NOTHING`;

/** Invocations that were recorded: written in batches, each once; read newest first, or in the order they were stored. */
export class InvocationRepository {
  constructor(private readonly dataSource: DataSource) {}

  write({ records, counts }: RecordBatch, batchId: string): Promise<WriteOutcome> {
    return writeOnce(this.dataSource, recordLocks.invocation, batchId, async (manager) => {
      if (records.length > 0) await insert(manager, records);
      if (counts.length > 0) await addCounts(manager, counts);
    });
  }

  async find(id: string): Promise<Invocation | undefined> {
    if (!isId(id)) return undefined;
    const { values, add } = new SqlParameters();
    const sql = `SELECT ${columns} FROM invocation WHERE true${andAll(invocationConditions({ id }, add))} LIMIT 1`;
    const rows: InvocationRow[] = await withStore(() => this.dataSource.query(sql, values));
    return rows.map(toInvocation)[0];
  }

  async list(filter: InvocationFilter, page: PageRequest): Promise<Page<Invocation>> {
    const { values, add } = new SqlParameters();
    const { conditions, orderBy, limit } = pageQuery(invocationKeyset, page, add);
    const where = andAll([...invocationConditions(filter, add), ...conditions]);
    const sql = `SELECT ${columns} FROM invocation WHERE true${where} ${orderBy} ${limit}`;
    const rows: InvocationRow[] = await withStore(() => this.dataSource.query(sql, values));
    return pageOf(invocationKeyset, page, rows.map(toInvocation));
  }

  /** A page for each function, in one statement. */
  async ofFunctions(
    functionIds: readonly string[],
    filter: InvocationFilter,
    page: PageRequest,
  ): Promise<Map<string, Page<Invocation>>> {
    const { values, add } = new SqlParameters();
    const { conditions, orderBy, limit } = pageQuery(invocationKeyset, page, add);
    const where = andAll([...invocationConditions(filter, add), ...conditions]);
    const sql = `SELECT found.* FROM unnest(${add([...new Set(functionIds)])}::uuid[]) AS wanted (id) CROSS JOIN LATERAL
      (SELECT ${columns} FROM invocation WHERE function_id = wanted.id${where} ${orderBy} ${limit}) AS found
      ${orderBy.replaceAll(/(accepted_at|id) /g, "found.$1 ")}`;
    const rows: InvocationRow[] = await withStore(() => this.dataSource.query(sql, values));
    const pages = new Map(functionIds.map((id): [string, Invocation[]] => [id, []]));
    for (const row of rows) pages.get(row.function_id)?.push(toInvocation(row));
    return new Map([...pages].map(([id, nodes]) => [id, pageOf(invocationKeyset, page, nodes)]));
  }

  latest(): Promise<string> {
    return latestPosition(this.dataSource, "invocation");
  }

  /** What was stored after `position` and matches, in the order of storing. */
  async read(
    after: string,
    filter: InvocationFilter,
    limit: number,
  ): Promise<{ items: Invocation[]; position: string }> {
    const { values: parameters, add } = new SqlParameters();
    const conditions = invocationConditions(filter, add);
    const read = { table: "invocation", columns, conditions, parameters, after, limit };
    return readSequence(this.dataSource, read, toInvocation);
  }
}

async function insert(manager: EntityManager, records: readonly InvocationRecord[]): Promise<void> {
  await manager.query(insertRecords, [rowsAsJson(records.map(toRecordRow))]);
  await manager.query("SELECT pg_notify($1, '')", [invocationChannel]);
}
