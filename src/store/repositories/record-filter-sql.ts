/** The conditions of filters; no text that can't be an id is sent to the database as one. */
import type { InvocationStatus } from "../../model/invocation.js";
import type { InvocationFilter, LogFilter } from "../../model/record-filter.js";
import { isId } from "../../model/validate-name.js";
import { acceptedWithin } from "./invocation-row.js";
import type { SqlParameters } from "../table.js";

type Add = SqlParameters["add"];

/** ` AND …` for each condition, or nothing. */
export const andAll = (conditions: readonly string[]): string => conditions.map((text) => ` AND ${text}`).join("");

export function invocationConditions(filter: InvocationFilter, add: Add): string[] {
  const conditions: string[] = [];
  if (filter.id !== undefined) conditions.push(...hasId(filter.id, add));
  if (filter.functionId !== undefined) conditions.push(isThe("function_id", filter.functionId, add));
  if (filter.triggerId !== undefined) conditions.push(isThe("trigger_id", filter.triggerId, add));
  if (filter.namespace !== undefined) conditions.push(`namespace = ${add(filter.namespace)}`);
  if (filter.source !== undefined) {
    conditions.push(`source = ${add(filter.source)}`);
    // The planner can't see this in a parameter, and needs it to use the partial indexes. So it is with statuses.
    if (filter.source !== "HTTP") conditions.push("source <> 'HTTP'");
  }
  if (filter.statuses !== undefined && filter.statuses.length > 0) {
    conditions.push(...hasStatus(filter.statuses, add));
  }
  if (filter.since !== undefined) conditions.push(`accepted_at >= ${add(filter.since)}`);
  if (filter.until !== undefined) conditions.push(`accepted_at <= ${add(filter.until)}`);
  return conditions;
}

export function logConditions(filter: LogFilter, add: Add): string[] {
  const conditions = [`namespace = ${add(filter.namespace)}`];
  if (filter.functionId !== undefined) conditions.push(isThe("function_id", filter.functionId, add));
  if (filter.invocationId !== undefined) conditions.push(isThe("invocation_id", filter.invocationId, add));
  if (filter.stream !== undefined) conditions.push(`stream = ${add(filter.stream)}`);
  // strpos takes the text as it is: nothing in it is a wildcard.
  if (filter.contains !== undefined) conditions.push(`strpos(message, ${add(filter.contains)}) > 0`);
  if (filter.since !== undefined) conditions.push(`at >= ${add(filter.since)}`);
  return conditions;
}

/** One is not asked for as one of several: an index that begins with it has the order of the list only then. */
function hasStatus(statuses: readonly InvocationStatus[], add: Add): string[] {
  const [first, ...others] = statuses;
  const conditions = [others.length === 0 ? `status = ${add(first)}` : `status = ANY(${add(statuses)}::text[])`];
  if (!statuses.includes("SUCCEEDED")) {
    conditions.push("status <> 'SUCCEEDED'");
    if (!statuses.includes("FAILED")) conditions.push("status NOT IN ('SUCCEEDED', 'FAILED')");
  }
  return conditions;
}

/** A UUID of version 7 tells its time, so that partitions can be left out. */
function hasId(id: string, add: Add): string[] {
  const accepted = acceptedWithin(id);
  const when = accepted === undefined ? [] : [`accepted_at BETWEEN ${add(accepted.from)} AND ${add(accepted.until)}`];
  return [isThe("id", id, add), ...when];
}

const isThe = (column: string, id: string, add: Add): string => (isId(id) ? `${column} = ${add(id)}` : "FALSE");
