import type { DataSource } from "typeorm";
import type { WriteOutcome } from "../../lib/batch-writer.js";
import type { Invocation } from "../../model/invocation.js";
import type { Page, PageRequest } from "../../model/page.js";
import type { InvocationRecord, RecordBatch } from "../../model/record-batch.js";
import type { InvocationFilter } from "../../model/record-filter.js";
import {
  invocationColumns as columns,
  invocationKeyset,
  recordColumns,
  toInvocation,
  type InvocationRow,
} from "./invocation-row.js";
import { isId } from "../../model/validate-name.js";
import { SqlParameters } from "../table.js";
import type { WakeChannel } from "../wakeups.js";
import { withStore } from "../with-store.js";
import { arraysOf, unnest } from "./column-arrays.js";
import { countsPart } from "./invocation-stats.repository.js";
import { andAll, invocationConditions } from "./record-filter-sql.js";
import { recordLocks, writeOnce, type BatchPart } from "./record-once.js";
import { pageOf, pageQuery } from "./record-page.js";
import { latestPosition, readSequence } from "./record-sequence.js";

/** Wakes those who follow the sequence of invocations. */
export const invocationChannel: WakeChannel = "fermi_invocation";

const inserting = (given: string, first: number): string => `
  INSERT INTO invocation (seq, ${recordColumns.map(({ name }) => name).join(", ")})
  SELECT nextval('invocation_seq'), ${recordColumns.map(({ name, sql = name }) => sql).join(", ")}
  FROM ${given} ${unnest(recordColumns, "record", first)}
  ON CONFLICT DO NOTHING`;

/** Its parameters are `arraysOf(recordColumns, …)`. Only under the lock of the records. */
export const insertRecords = inserting("", 1);

/** Invocations that were recorded: written in batches, each once; read newest first, or in the order they were stored. */
export class InvocationRepository {
  constructor(private readonly dataSource: DataSource) {}

  write({ records, counts }: RecordBatch, id: string): Promise<WriteOutcome> {
    const parts: BatchPart[] = [];
    if (records.length > 0) parts.push(recordsPart(records));
    if (counts.length > 0) parts.push(countsPart(counts));
    const wakes = records.length > 0 ? invocationChannel : undefined;
    return writeOnce(this.dataSource, { lock: recordLocks.invocation, id, parts, wakes });
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

const recordsPart = (records: readonly InvocationRecord[]): BatchPart => ({
  name: "records",
  sql: (first) => inserting("fresh CROSS JOIN", first),
  values: arraysOf(recordColumns, records),
});
