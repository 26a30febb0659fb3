/** Days of records as partitions: made ahead, dropped whole. What has no partition is in the default one, and not lost. */
import type { DataSource, EntityManager } from "typeorm";
import { tryAll } from "../../lib/try-all.js";
import { BatchSize } from "../batch-size.js";
import { patiently } from "../patiently.js";
import { lineOverheadBytes } from "./log-line.repository.js";

interface PartitionedTable {
  readonly name: string;
  /** The column that says which day a row belongs to. */
  readonly time: string;
  /** Rows of the same time and id in this table say which are kept, however old they are. */
  readonly keptFor?: string;
}

const invocations: PartitionedTable = {
  name: "invocation",
  time: "accepted_at",
  // One that is asynchronous is kept for as long after its end as others after their acceptance, and until it has one.
  keptFor: "async_invocation",
};
const logLines: PartitionedTable = { name: "log_line", time: "at" };

const dayMs = 24 * 60 * 60 * 1_000;
const batchRows = { first: 100, most: 5_000 };
/** More than these stay in the default partition: while they were moved, nobody could write. */
const defaultMaxMoved = 100_000;
/** A batch can come again as long as its writer lives and the store was away: two days are plenty. */
const batchMemory = "2 days";

interface Span {
  readonly from: Date;
  readonly until: Date;
}

export class RecordPartitions {
  /** By table: how large rows are differs. */
  readonly #batches = new Map<string, BatchSize>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly maxMoved = defaultMaxMoved,
  ) {}

  ensureDay(day: string, signal: AbortSignal): Promise<void> {
    return tryAll([invocations, logLines].map((table) => () => this.#ensurePartition(table, day, signal)));
  }

  /** One table's trouble is none of the others'. */
  dropBefore(cutoff: Date, signal: AbortSignal): Promise<void> {
    return tryAll([
      () => this.#deleteInBatches("async_invocation", "finished_at < $1", [cutoff], signal),
      ...[invocations, logLines].flatMap((table) => [
        () => this.#dropPartitionsBefore(table, cutoff, signal),
        () => this.#deleteUnpartitionedBefore(table, cutoff, signal),
      ]),
      () =>
        this.dataSource.query("DELETE FROM log_volume WHERE day < ($1::timestamptz AT TIME ZONE 'UTC')::date", [
          cutoff,
        ]),
      () => this.#deleteInBatches("invocation_stats", "span_start < $1", [cutoff], signal),
      () => this.#deleteInBatches("record_batch", `stored_at < now() - interval '${batchMemory}'`, [], signal),
    ]);
  }

  /** What was counted when lines were stored; deleting keeps it in step. */
  async logDays(): Promise<{ day: string; bytes: number }[]> {
    const rows: { day: string; bytes: string }[] = await this.dataSource.query(
      "SELECT day::text AS day, bytes FROM log_volume ORDER BY day",
    );
    return rows.map(({ day, bytes }) => ({ day, bytes: Number(bytes) }));
  }

  async dropLogDay(day: string, signal: AbortSignal): Promise<void> {
    await this.#drop(partitionName(logLines, day), signal);
    const { from, until } = spanOf(day);
    await this.#deleteInBatches("log_line_default", "at >= $1 AND at < $2", [from, until], signal);
    await this.dataSource.query("DELETE FROM log_volume WHERE day = $1", [day]);
    // Lines of the day may come still, if it is today.
    await this.#ensurePartition(logLines, day, signal);
  }

  async deleteOldestLogLines(day: string, bytes: number, signal: AbortSignal): Promise<void> {
    for (let freed = 0; freed < bytes;) {
      signal.throwIfAborted();
      const batch = await this.#batchOf("log_line").run((rows) => this.#deleteOldest(day, bytes - freed, rows));
      if (batch === 0) return;
      freed += batch;
    }
  }

  /** `most` lines, and no more than it takes to free `bytes`; resolves to what it has freed. */
  async #deleteOldest(day: string, bytes: number, most: number): Promise<number> {
    const { from, until } = spanOf(day);
    const rows: { freed: string }[] = await this.dataSource.query(
      `WITH oldest AS (
        SELECT seq, at, octet_length(message) + $3::bigint AS bytes
        FROM log_line WHERE at >= $1 AND at < $2 ORDER BY seq LIMIT $6
      ), summed AS (
        SELECT seq, at, bytes, sum(bytes) OVER (ORDER BY seq) AS up_to FROM oldest
      ), gone AS (
        DELETE FROM log_line AS line USING summed
        WHERE line.at >= $1 AND line.at < $2 AND line.seq = summed.seq AND line.at = summed.at
          AND summed.up_to - summed.bytes < $5
        RETURNING summed.bytes
      ), freed AS (
        SELECT count(*) AS lines, coalesce(sum(bytes), 0) AS bytes FROM gone
      ), told AS (
        UPDATE log_volume AS known SET lines = known.lines - freed.lines, bytes = known.bytes - freed.bytes
        FROM freed WHERE known.day = $4
      ) SELECT bytes AS freed FROM freed`,
      [from, until, lineOverheadBytes, day, bytes, most],
    );
    return Number(rows[0]?.freed ?? 0);
  }

  async #partitions(table: PartitionedTable): Promise<{ partition: string; day: string }[]> {
    const rows: { name: string }[] = await this.dataSource.query(
      "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass",
      [table.name],
    );
    return rows.flatMap(({ name }) => {
      const [, year, month, day] = /_p(\d{4})(\d\d)(\d\d)$/.exec(name) ?? [];
      return day === undefined ? [] : [{ partition: name, day: `${year}-${month}-${day}` }];
    });
  }

  async #ensurePartition(table: PartitionedTable, day: string, signal: AbortSignal): Promise<void> {
    if (await exists(this.dataSource.manager, partitionName(table, day))) return;
    await patiently(this.dataSource, (manager) => ensurePartition(manager, table, day, this.maxMoved), signal);
  }

  async #dropPartitionsBefore(table: PartitionedTable, cutoff: Date, signal: AbortSignal): Promise<void> {
    const old = (await this.#partitions(table)).filter(({ day }) => spanOf(day).until <= cutoff);
    for (const { partition, day } of old) {
      await (table.keptFor === undefined
        ? this.#drop(partition, signal)
        : patiently(this.dataSource, (manager) => dropButKept(manager, table, day), signal));
    }
  }

  #deleteUnpartitionedBefore(
    { name, time, keptFor }: PartitionedTable,
    cutoff: Date,
    signal: AbortSignal,
  ): Promise<void> {
    const rows = `${name}_default`;
    const isKept = keptFor === undefined ? "FALSE" : `EXISTS (SELECT FROM ${keptFor} AS k WHERE k.id = ${rows}.id)`;
    return this.#deleteInBatches(rows, `${time} < $1 AND NOT ${isKept}`, [cutoff], signal);
  }

  async #drop(partition: string, signal: AbortSignal): Promise<void> {
    if (!(await exists(this.dataSource.manager, partition))) return;
    const drop = async (manager: EntityManager): Promise<void> => {
      await manager.query(`DROP TABLE IF EXISTS ${partition}`);
    };
    await patiently(this.dataSource, drop, signal);
  }

  /** Small transactions, so that nobody waits long for a row; none more once the signal has aborted. */
  async #deleteInBatches(
    table: string,
    condition: string,
    parameters: readonly unknown[],
    signal: AbortSignal,
  ): Promise<void> {
    const limit = `$${parameters.length + 1}`;
    const sql = `WITH gone AS (
        DELETE FROM ${table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${limit}))
        RETURNING 1
      ) SELECT count(*)::integer AS count FROM gone`;
    const removesAll = async (rows: number): Promise<boolean> => {
      signal.throwIfAborted();
      const [removed]: { count: number }[] = await this.dataSource.query(sql, [...parameters, rows]);
      return (removed?.count ?? 0) < rows;
    };
    while (!(await this.#batchOf(table).run(removesAll)));
  }

  #batchOf(table: string): BatchSize {
    const batch = this.#batches.get(table) ?? new BatchSize(batchRows);
    this.#batches.set(table, batch);
    return batch;
  }
}

async function ensurePartition(
  manager: EntityManager,
  table: PartitionedTable,
  day: string,
  maxMoved: number,
): Promise<void> {
  const partition = partitionName(table, day);
  const { from, until } = spanOf(day);
  const [begin, end] = [`'${from.toISOString()}'`, `'${until.toISOString()}'`];
  const rows = `FROM ${table.name}_default WHERE ${table.time} >= ${begin} AND ${table.time} < ${end}`;
  const [found]: { count: number }[] = await manager.query(
    `SELECT count(*)::integer AS count FROM (SELECT ${rows} LIMIT ${maxMoved + 1}) AS there`,
  );
  if ((found?.count ?? 0) > maxMoved) return;
  // Nobody adds to the default partition meanwhile what belongs into the new one: whoever writes has the table from before
  // it waits for the lock of the records, so that lock would be too late, and end in a deadlock. A second process that wants
  // the same waits here, so it has to look again.
  await manager.query(`LOCK TABLE ${table.name} IN SHARE ROW EXCLUSIVE MODE`);
  if (await exists(manager, partition)) return;
  await manager.query(`CREATE TABLE ${partition} (LIKE ${table.name} INCLUDING DEFAULTS)`);
  await manager.query(`WITH moved AS (DELETE ${rows} RETURNING *) INSERT INTO ${partition} SELECT * FROM moved`);
  await manager.query(`ALTER TABLE ${table.name} ATTACH PARTITION ${partition} FOR VALUES FROM (${begin}) TO (${end})`);
}

/** What is kept goes into the default partition. It is found before the lock, under which nobody can write or read. */
async function dropButKept(manager: EntityManager, table: PartitionedTable, day: string): Promise<void> {
  const { name, time, keptFor } = table;
  const partition = partitionName(table, day);
  const { from, until } = spanOf(day);
  await manager.query(
    `CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT id, ${time} FROM ${keptFor} WHERE ${time} >= $1 AND ${time} < $2`,
    [from, until],
  );
  await manager.query("ANALYZE kept");
  await manager.query(`LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`);
  if (!(await exists(manager, partition))) return;
  await manager.query(`ALTER TABLE ${name} DETACH PARTITION ${partition}`);
  await manager.query(`INSERT INTO ${name} SELECT old.* FROM kept JOIN ${partition} AS old USING (${time}, id)`);
  await manager.query(`DROP TABLE ${partition}`);
}

async function exists(manager: EntityManager, table: string): Promise<boolean> {
  const rows: { found: boolean }[] = await manager.query("SELECT to_regclass($1) IS NOT NULL AS found", [table]);
  return rows[0]?.found === true;
}

const partitionName = (table: PartitionedTable, day: string): string => `${table.name}_p${day.replaceAll("-", "")}`;

/** The day's begin and end; throws where it is none, as it becomes part of statements. */
function spanOf(day: string): Span {
  const from = new Date(`${day}T00:00:00.000Z`);
  return { from, until: new Date(from.getTime() + dayMs) };
}
