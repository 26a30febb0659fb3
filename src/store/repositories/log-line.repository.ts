import type { DataSource, EntityManager } from "typeorm";
import { badInput, type AppError } from "../../errors/app-error.js";
import type { WriteOutcome } from "../../lib/batch-writer.js";
import type { LogLine, NewLogLine } from "../../model/log-line.js";
import type { Page, PageRequest } from "../../model/page.js";
import type { LogBatch } from "../../model/record-batch.js";
import type { LogFilter } from "../../model/record-filter.js";
import { isOutOfTime } from "../store-error.js";
import { SqlParameters } from "../table.js";
import type { WakeChannel } from "../wakeups.js";
import { withStore } from "../with-store.js";
import { andAll, logConditions } from "./record-filter-sql.js";
import { recordLocks, rowsAsJson, writeOnce } from "./record-once.js";
import { pageOf, pageQuery, type Keyset } from "./record-page.js";
import { latestPosition, readSequence } from "./record-sequence.js";

/** Wakes those who follow the sequence of log lines. */
export const logChannel: WakeChannel = "fermi_log";

/** About what a stored line takes beside its message: its other columns and its part of four indexes. */
export const lineOverheadBytes = 300;

interface LogRow {
  readonly seq: string;
  readonly at: Date;
  readonly stream: LogLine["stream"];
  readonly message: string;
  readonly function_id: string;
  readonly function_version: number | null;
  readonly invocation_id: string | null;
  readonly instance: string;
}

const columns = "at, stream, message, function_id, function_version, invocation_id, instance";

/** A line's namespace is its function's; a line of a function that is not there any more is of no use to anybody. */
const insertLines = (first: number): string => `
  INSERT INTO log_line (seq, namespace, ${columns})
  SELECT nextval('log_line_seq'), namespace, ${columns}
  FROM (SELECT function.namespace, line.* FROM fresh CROSS JOIN ROWS FROM (json_to_recordset($${first}::json) AS (
      at timestamptz, stream text, message text, function_id uuid, function_version integer, invocation_id uuid,
      instance text)) WITH ORDINALITY AS line
    JOIN function ON function.id = line.function_id ORDER BY line.ordinality) AS ordered
  RETURNING at, message`;

const addVolume = (first: number): string => `
  INSERT INTO log_volume AS known (day, lines, bytes)
  SELECT (at AT TIME ZONE 'UTC')::date, count(*), sum(octet_length(message) + $${first}::bigint)
  FROM fresh CROSS JOIN stored GROUP BY 1
  ON CONFLICT (day) DO UPDATE SET lines = known.lines + excluded.lines, bytes = known.bytes + excluded.bytes`;

/** Oldest first. */
const keyset: Keyset<LogLine> = {
  list: "log line, oldest first",
  columns: ["seq"],
  isDescending: false,
  valuesOf: ({ id }) => [id],
  isValid: ([seq]) => typeof seq === "string" && /^\d{1,18}$/.test(seq),
};

/** What instances printed: written in batches, each once, and read in the one order in which it was stored. */
export class LogLineRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly searchTimeoutMs = 2_000,
  ) {}

  write(lines: LogBatch, id: string): Promise<WriteOutcome> {
    const parts = [
      { name: "stored", sql: insertLines, values: [rowsAsJson(lines.map(toRow))] },
      { name: "volume", sql: addVolume, values: [lineOverheadBytes] },
    ];
    return writeOnce(this.dataSource, { lock: recordLocks.logLine, id, parts, wakes: logChannel });
  }

  /** Rejects with BAD_USER_INPUT where the filter has to look through more lines than can be read in time. */
  async list(filter: LogFilter, page: PageRequest): Promise<Page<LogLine>> {
    const { values, add } = new SqlParameters();
    const { conditions, orderBy, limit } = pageQuery(keyset, page, add);
    const where = andAll([...logConditions(filter, add), ...conditions]);
    const sql = `SELECT seq, ${columns} FROM log_line WHERE true${where} ${orderBy} ${limit}`;
    const query = (db: Pick<EntityManager, "query">): Promise<LogRow[]> => db.query(sql, values);
    const rows = await withStore(() => (isSearch(filter) ? this.#search(query) : query(this.dataSource)));
    return pageOf(keyset, page, rows.map(toLogLine));
  }

  /** No index helps where lines are chosen by what they say: the database gives up before anybody else has to wait. */
  #search(query: (db: EntityManager) => Promise<LogRow[]>): Promise<LogRow[]> {
    return this.dataSource.transaction(async (db) => {
      await db.query(`SET LOCAL statement_timeout = ${this.searchTimeoutMs}`);
      return query(db).catch((error: unknown) => {
        throw isOutOfTime(error) ? tooManyLines(this.searchTimeoutMs) : error;
      });
    });
  }

  /** A page for each invocation, in one statement. */
  async ofInvocations(
    invocations: readonly { readonly id: string; readonly functionId: string }[],
    page: PageRequest,
  ): Promise<Map<string, Page<LogLine>>> {
    const { values, add } = new SqlParameters();
    const { conditions, orderBy, limit } = pageQuery(keyset, page, add);
    const wanted = [...new Map(invocations.map(({ id, functionId }) => [id, functionId]))];
    const [ids, functionIds] = [wanted.map(([id]) => id), wanted.map(([, functionId]) => functionId)];
    const sql = `SELECT found.* FROM unnest(${add(ids)}::uuid[], ${add(functionIds)}::uuid[])
      AS wanted (invocation_id, function_id) CROSS JOIN LATERAL
      (SELECT seq, ${columns} FROM log_line WHERE invocation_id = wanted.invocation_id
        AND function_id = wanted.function_id${andAll(conditions)} ${orderBy} ${limit}) AS found ${orderBy}`;
    const rows: LogRow[] = await withStore(() => this.dataSource.query(sql, values));
    const pages = new Map(ids.map((id): [string, LogLine[]] => [id, []]));
    for (const row of rows) pages.get(row.invocation_id ?? "")?.push(toLogLine(row));
    return new Map([...pages].map(([id, nodes]) => [id, pageOf(keyset, page, nodes)]));
  }

  /**
   * Up to when each instance's own lines are kept, looked up in the newest: an instance of which none is among those has
   * printed nothing since the oldest of them. Undefined where nothing was kept of it at all.
   */
  async lastKept(newest = 50_000): Promise<(instance: string) => Date | undefined> {
    const sql = `SELECT instance, count(*) AS count, min(at) AS first,
        max(at) FILTER (WHERE stream <> 'SYSTEM') AS last
      FROM (SELECT instance, at, stream FROM log_line ORDER BY seq DESC LIMIT $1) AS line GROUP BY instance`;
    const rows: { instance: string; last: Date | null; first: Date; count: string }[] = await withStore(() =>
      this.dataSource.query(sql, [newest]),
    );
    const lastByInstance = new Map(rows.map(({ instance, last }) => [instance, last]));
    const isAll = rows.reduce((sum, { count }) => sum + Number(count), 0) < newest;
    const oldest = isAll ? undefined : rows.map(({ first }) => first).sort((a, b) => a.getTime() - b.getTime())[0];
    return (instance) => lastByInstance.get(instance) ?? oldest;
  }

  latest(): Promise<string> {
    return latestPosition(this.dataSource, "log_line");
  }

  /** What was stored after `position` and matches, in the order of storing. */
  async read(after: string, filter: LogFilter, limit: number): Promise<{ items: LogLine[]; position: string }> {
    const { values: parameters, add } = new SqlParameters();
    const conditions = logConditions(filter, add);
    const read = { table: "log_line", columns, conditions, parameters, after, limit };
    return readSequence(this.dataSource, read, toLogLine);
  }
}

/** By `since` too: from the oldest on, all lines before it are passed. */
const isSearch = ({ contains, stream, since }: LogFilter): boolean =>
  [contains, stream, since].some((one) => one !== undefined);

const tooManyLines = (timeoutMs: number): AppError =>
  badInput(
    "filter",
    `filter must leave fewer lines to look through than here, where ${timeoutMs / 1_000} s were not enough: ` +
      "narrow it by function, invocationId or since, or read the newest first with `last`.",
  );

const toRow = (line: NewLogLine): object => ({
  at: line.at,
  stream: line.stream,
  message: line.message,
  function_id: line.functionId,
  function_version: line.functionVersion,
  invocation_id: line.invocationId,
  instance: line.instance,
});

const toLogLine = (row: LogRow): LogLine => ({
  id: row.seq,
  at: row.at,
  stream: row.stream,
  message: row.message,
  functionId: row.function_id,
  functionVersion: row.function_version,
  invocationId: row.invocation_id,
  instance: row.instance,
});
