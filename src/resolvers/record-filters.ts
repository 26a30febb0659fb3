/**
 * Filters name functions; records know ids, and outlive their functions. A name that no function has had is NOT_FOUND
 * rather than an empty list.
 */
import { AppError } from "../errors/app-error.js";
import type { ResourceName } from "../model/inputs.js";
import type { InvocationFilter, LogFilter } from "../model/record-filter.js";
import type { RequestContext } from "../model/request-context.js";
import type { FunctionOperations } from "./operations.js";
import type { InvocationFilterInput, LogFilterInput } from "../schema/record-filter.input.js";

interface Finder<T> {
  find(ctx: RequestContext, name: ResourceName): Promise<T | undefined>;
}

type Recorded = Pick<FunctionOperations, "findRecorded">;

export const defaultNamespace = "default";

/** The resource with this name, or NOT_FOUND that tells which input field named it. */
export async function getNamed<T>(
  finder: Finder<T>,
  ctx: RequestContext,
  name: ResourceName,
  field: string,
): Promise<T> {
  const found = await finder.find(ctx, name);
  if (found === undefined) throw noSuch(field, name.namespace);
  return found;
}

const idOf = async (functions: Recorded, ctx: RequestContext, name: ResourceName): Promise<string> => {
  const finder = { find: functions.findRecorded.bind(functions) };
  return (await getNamed(finder, ctx, name, "filter.function")).id;
};

/** `field` ends in what is missing, such as filter.function. */
export function noSuch(field: string, namespace: string | null | undefined): AppError {
  const what = field.slice(field.lastIndexOf(".") + 1);
  const where = namespace == null ? "" : " in this namespace";
  return new AppError("NOT_FOUND", `There is no ${what} with this name${where}.`, { field });
}

export async function invocationFilter(
  functions: Recorded,
  ctx: RequestContext,
  input: InvocationFilterInput | null | undefined,
): Promise<InvocationFilter> {
  const { id, namespace, function: name, status, source, trigger, since, until } = input ?? {};
  const rest = {
    id: id ?? undefined,
    statuses: status?.length ? status : undefined,
    source: source ?? undefined,
    triggerId: trigger ?? undefined,
    since: since ?? undefined,
    until: until ?? undefined,
  };
  if (!name) return { ...rest, namespace: namespace ?? undefined };
  const of = { namespace: namespace ?? defaultNamespace, name };
  return { ...rest, functionId: await idOf(functions, ctx, of) };
}

export async function logFilter(
  functions: Recorded,
  ctx: RequestContext,
  { namespace, function: name, ...rest }: LogFilterInput,
): Promise<LogFilter> {
  return {
    namespace,
    functionId: name ? await idOf(functions, ctx, { namespace, name }) : undefined,
    invocationId: rest.invocationId ?? undefined,
    stream: rest.stream ?? undefined,
    contains: rest.contains ?? undefined,
    since: rest.since ?? undefined,
  };
}
