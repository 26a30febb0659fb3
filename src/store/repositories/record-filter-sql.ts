/** The conditions of a filter, and the parameters they need. */
import type { InvocationFilter, LogFilter } from "../../model/record-filter.js";

/** Collects a statement's parameters; each call gives the placeholder of one value. */
export class Parameters {
  readonly values: unknown[] = [];

  readonly add = (value: unknown): string => {
    this.values.push(value);
    return `$${this.values.length}`;
  };
}

/** ` AND …` for each condition, or nothing. */
export const andAll = (conditions: readonly string[]): string => conditions.map((text) => ` AND ${text}`).join("");

export function invocationConditions(filter: InvocationFilter, add: (value: unknown) => string): string[] {
  const conditions: string[] = [];
  if (filter.functionId !== undefined) conditions.push(`function_id = ${add(filter.functionId)}`);
  if (filter.namespace !== undefined) conditions.push(`namespace = ${add(filter.namespace)}`);
  if (filter.source !== undefined) {
    conditions.push(`source = ${add(filter.source)}`);
    // The planner can't see this in a parameter, and needs it to use the partial indexes.
    if (filter.source !== "HTTP") conditions.push("source <> 'HTTP'");
  }
  if (filter.statuses !== undefined && filter.statuses.length > 0) {
    conditions.push(`status = ANY(${add(filter.statuses)}::text[])`);
    if (!filter.statuses.includes("SUCCEEDED")) conditions.push("status <> 'SUCCEEDED'");
  }
  if (filter.since !== undefined) conditions.push(`accepted_at >= ${add(filter.since)}`);
  if (filter.until !== undefined) conditions.push(`accepted_at <= ${add(filter.until)}`);
  return conditions;
}

export function logConditions(filter: LogFilter, add: (value: unknown) => string): string[] {
  const conditions = [`namespace = ${add(filter.namespace)}`];
  if (filter.functionId !== undefined) conditions.push(`function_id = ${add(filter.functionId)}`);
  if (filter.invocationId !== undefined) conditions.push(`invocation_id = ${add(filter.invocationId)}`);
  if (filter.stream !== undefined) conditions.push(`stream = ${add(filter.stream)}`);
  // strpos takes the text as it is: nothing in it is a wildcard.
  if (filter.contains !== undefined) conditions.push(`strpos(message, ${add(filter.contains)}) > 0`);
  if (filter.since !== undefined) conditions.push(`at >= ${add(filter.since)}`);
  return conditions;
}
