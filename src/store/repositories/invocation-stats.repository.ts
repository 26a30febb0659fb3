import type { DataSource } from "typeorm";
import type { InvocationCounts } from "../../model/record-batch.js";
import { withStore } from "../with-store.js";
import { rowsAsJson, type BatchPart } from "./record-once.js";

/** Counts are kept in spans of 10 s, and once more in whole hours. */
const shortSpanMs = 10_000;
const longSpanMs = 3_600_000;

/** The sums of one function's counts over a window. */
export interface CountSums {
  readonly total: number;
  readonly failed: number;
  readonly coldStarts: number;
  readonly histogram: readonly number[];
}

const upsert = (first: number): string => `
  INSERT INTO invocation_stats AS known
    (function_id, span_seconds, span_start, total, failed, cold_starts, histogram)
  SELECT function_id, span_seconds, span_start, total, failed, cold_starts, histogram
  FROM fresh CROSS JOIN json_to_recordset($${first}::json) AS added (function_id uuid, span_seconds integer, span_start timestamptz,
    total bigint, failed bigint, cold_starts bigint, histogram integer[])
  ON CONFLICT (function_id, span_seconds, span_start) DO UPDATE SET
    total = known.total + excluded.total,
    failed = known.failed + excluded.failed,
    cold_starts = known.cold_starts + excluded.cold_starts,
    histogram = ARRAY(
      SELECT coalesce(one, 0) + coalesce(other, 0)
      FROM unnest(known.histogram, excluded.histogram) WITH ORDINALITY AS pair (one, other, place) ORDER BY place)`;

const sums = `
  WITH picked AS MATERIALIZED (
    SELECT function_id, total, failed, cold_starts, histogram FROM invocation_stats
    WHERE function_id = ANY($1::uuid[]) AND (
      (span_seconds = 3600 AND span_start >= $3 AND span_start < $4)
      OR (span_seconds = 10 AND (span_start >= $2 AND span_start < $3 OR span_start >= $4 AND span_start < $5)))
  ), places AS (
    SELECT function_id, place, sum(count) AS count
    FROM picked, unnest(histogram) WITH ORDINALITY AS bucket (count, place) GROUP BY function_id, place
  ), histograms AS (
    SELECT function_id, array_agg(count::float8 ORDER BY place) AS histogram FROM places GROUP BY function_id
  )
  SELECT function_id, sum(total)::float8 AS total, sum(failed)::float8 AS failed,
    sum(cold_starts)::float8 AS cold_starts, histograms.histogram
  FROM picked JOIN histograms USING (function_id) GROUP BY function_id, histograms.histogram`;

interface SumRow {
  readonly function_id: string;
  readonly total: number;
  readonly failed: number;
  readonly cold_starts: number;
  readonly histogram: number[];
}

/** What was counted of each function's invocations that were accepted in [from, until), both whole spans of 10 s. */
export class InvocationStatsRepository {
  constructor(private readonly dataSource: DataSource) {}

  async sums(functionIds: readonly string[], from: Date, until: Date): Promise<Map<string, CountSums>> {
    const firstHour = Math.ceil(from.getTime() / longSpanMs) * longSpanMs;
    const lastHour = Math.floor(until.getTime() / longSpanMs) * longSpanMs;
    // Without a whole hour in between, the short spans are one stretch.
    const hours = firstHour < lastHour ? [new Date(firstHour), new Date(lastHour)] : [until, until];
    const rows: SumRow[] = await withStore(() => this.dataSource.query(sums, [functionIds, from, ...hours, until]));
    return new Map(
      rows.map(({ function_id, total, failed, cold_starts, histogram }) => [
        function_id,
        { total, failed, coldStarts: cold_starts, histogram },
      ]),
    );
  }
}

/** Adds to what is stored. Only under the lock of the invocations: two upserts in different orders would block each other. */
export const countsPart = (counts: readonly InvocationCounts[]): BatchPart => ({
  name: "counts",
  sql: upsert,
  values: [rowsAsJson([...inSpans(counts, shortSpanMs), ...inSpans(counts, longSpanMs)])],
});

interface SpanRow {
  readonly function_id: string;
  readonly span_seconds: number;
  readonly span_start: Date;
  total: number;
  failed: number;
  cold_starts: number;
  readonly histogram: number[];
}

/** One row for each function and span: a statement may touch a row only once. */
function inSpans(counts: readonly InvocationCounts[], spanMs: number): Iterable<SpanRow> {
  const rows = new Map<string, SpanRow>();
  for (const added of counts) {
    const startMs = Math.floor(added.from.getTime() / spanMs) * spanMs;
    const key = `${added.functionId}/${startMs}`;
    const row = rows.get(key) ?? emptyRow(added.functionId, spanMs, new Date(startMs));
    rows.set(key, row);
    row.total += added.total;
    row.failed += added.failed;
    row.cold_starts += added.coldStarts;
    for (const [place, count] of added.histogram.entries()) row.histogram[place] = (row.histogram[place] ?? 0) + count;
  }
  return rows.values();
}

const emptyRow = (function_id: string, spanMs: number, span_start: Date): SpanRow => ({
  function_id,
  span_seconds: spanMs / 1_000,
  span_start,
  total: 0,
  failed: 0,
  cold_starts: 0,
  histogram: [],
});
