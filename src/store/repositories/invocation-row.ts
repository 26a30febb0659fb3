import type { Invocation } from "../../model/invocation.js";
import type { InvocationRecord } from "../../model/record-batch.js";
import { isId } from "../../model/validate-name.js";
import type { Column } from "./column-arrays.js";
import type { Keyset } from "./record-page.js";

/** As the driver gives it: bigint as text. */
export interface InvocationRow {
  readonly id: string;
  readonly function_id: string;
  readonly function_version: number;
  readonly source: Invocation["source"];
  readonly trigger_id: string | null;
  readonly status: Invocation["status"];
  readonly method: string;
  readonly path: string;
  readonly http_status: number | null;
  readonly error: string | null;
  readonly cold_start: boolean;
  readonly duration_ms: number | null;
  readonly wait_ms: number | null;
  readonly attempts: number;
  readonly request_bytes: string;
  readonly response_bytes: string;
  readonly instance: string | null;
  readonly accepted_at: Date;
  readonly finished_at: Date | null;
}

/** In the order of the table. */
export const invocationColumns = `id, function_id, function_version, source, trigger_id, status, method, path,
  http_status, error, cold_start, duration_ms, wait_ms, attempts, request_bytes, response_bytes, instance, accepted_at,
  finished_at`;

export const toInvocation = (row: InvocationRow): Invocation => ({
  id: row.id,
  functionId: row.function_id,
  functionVersion: row.function_version,
  source: row.source,
  triggerId: row.trigger_id,
  status: row.status,
  method: row.method,
  path: row.path,
  httpStatus: row.http_status,
  error: row.error,
  coldStart: row.cold_start,
  durationMs: row.duration_ms,
  waitMs: row.wait_ms,
  attempts: row.attempts,
  requestBytes: Number(row.request_bytes),
  responseBytes: Number(row.response_bytes),
  instance: row.instance,
  acceptedAt: row.accepted_at,
  finishedAt: row.finished_at,
});

/** Times are numbers on the way: to write and to read them as text would take longer than all else. */
const time = (name: string): { name: string; type: string; sql: string } => ({
  name,
  type: "double precision",
  sql: `to_timestamp(${name} / 1000)`,
});

/** All of the table but `seq`. */
export const recordColumns: readonly Column<InvocationRecord>[] = [
  { name: "namespace", type: "text", of: ({ namespace }) => namespace },
  { name: "id", type: "uuid", of: ({ invocation }) => invocation.id },
  { name: "function_id", type: "uuid", of: ({ invocation }) => invocation.functionId },
  { name: "function_version", type: "integer", of: ({ invocation }) => invocation.functionVersion },
  { name: "source", type: "text", of: ({ invocation }) => invocation.source },
  { name: "trigger_id", type: "uuid", of: ({ invocation }) => invocation.triggerId },
  { name: "status", type: "text", of: ({ invocation }) => invocation.status },
  { name: "method", type: "text", of: ({ invocation }) => invocation.method },
  { name: "path", type: "text", of: ({ invocation }) => invocation.path },
  { name: "http_status", type: "integer", of: ({ invocation }) => invocation.httpStatus },
  { name: "error", type: "text", of: ({ invocation }) => invocation.error },
  { name: "cold_start", type: "boolean", of: ({ invocation }) => invocation.coldStart },
  { name: "duration_ms", type: "double precision", of: ({ invocation }) => invocation.durationMs },
  { name: "wait_ms", type: "double precision", of: ({ invocation }) => invocation.waitMs },
  { name: "attempts", type: "integer", of: ({ invocation }) => invocation.attempts },
  { name: "request_bytes", type: "bigint", of: ({ invocation }) => invocation.requestBytes },
  { name: "response_bytes", type: "bigint", of: ({ invocation }) => invocation.responseBytes },
  { name: "instance", type: "text", of: ({ invocation }) => invocation.instance },
  { ...time("accepted_at"), of: ({ invocation }) => invocation.acceptedAt.getTime() },
  { ...time("finished_at"), of: ({ invocation }) => invocation.finishedAt?.getTime() ?? null },
];

/** Newest first; what was accepted in one millisecond, by id. */
export const invocationKeyset: Keyset<Invocation> = {
  list: "invocation, newest first",
  columns: ["accepted_at", "id"],
  isDescending: true,
  valuesOf: ({ acceptedAt, id }) => [acceptedAt.toISOString(), id],
  isValid: ([acceptedAt, id]) => isTime(acceptedAt) && typeof id === "string" && isId(id),
};

const isTime = (value: unknown): boolean =>
  typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value));

const dayMs = 24 * 60 * 60 * 1_000;

/** When the invocation of this id was accepted, give or take a day: a UUID of version 7 begins with its time. */
export function acceptedWithin(id: string): { from: Date; until: Date } | undefined {
  if (id[14] !== "7") return undefined;
  const madeAtMs = parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return { from: new Date(madeAtMs - dayMs), until: new Date(madeAtMs + dayMs) };
}
