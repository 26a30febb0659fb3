/**
 * DataLoaders of one operation, or of one mutation of it: what many rows ask for one by one is read with one statement.
 * A subscription lives long, so its loaders batch but remember nothing.
 */
import DataLoader from "dataloader";
import type { Environment } from "../model/environment.js";
import type { FunctionSpec, FunctionVersion } from "../model/function.js";
import type { Invocation, InvocationResult, InvocationStats, InvocationStatus } from "../model/invocation.js";
import type { LogLine } from "../model/log-line.js";
import type { Page, PageRequest } from "../model/page.js";
import type { RequestContext } from "../model/request-context.js";
import type { QueueTrigger, Trigger, TriggerStatus } from "../model/trigger.js";
import type { LoaderSources } from "./operations.js";

type ById<T> = DataLoader<string, T | undefined>;
type InvocationKey = Pick<Invocation, "id" | "functionId">;

export interface Loaders {
  readonly environments: ById<Environment>;
  readonly functions: ById<FunctionSpec>;
  readonly versions: ById<FunctionVersion>;
  readonly sources: ById<string>;
  readonly triggers: ById<Trigger>;
  readonly triggerStatuses: ById<TriggerStatus>;
  readonly lastRuns: ById<Date>;
  /** Messages that wait; undefined where that is not known now. */
  readonly backlogs: DataLoader<QueueTrigger, number | undefined, string>;
  /** Answers of asynchronous invocations. */
  readonly results: ById<InvocationResult>;
  readonly triggersOfFunction: DataLoader<string, readonly Trigger[]>;
  readonly versionCount: DataLoader<string, number>;
  readonly functionCount: DataLoader<string, number>;
  versionsOf(functionId: string, page: PageRequest): Promise<Page<FunctionVersion>>;
  functionsOf(environmentId: string, page: PageRequest): Promise<Page<FunctionSpec>>;
  invocationsOf(functionId: string, list: InvocationList): Promise<Page<Invocation>>;
  statsOf(functionId: string, windowSeconds: number): Promise<InvocationStats>;
  logsOf(invocation: InvocationKey, page: PageRequest): Promise<Page<LogLine>>;
}

export interface InvocationList {
  readonly page: PageRequest;
  readonly status: InvocationStatus | undefined;
}

export interface LoaderOptions {
  /** Whether an answer is remembered for as long as the loaders live. */
  readonly cache: boolean;
}

const noPage = { edges: [], hasNextPage: false, hasPreviousPage: false };
const noStats = { total: 0, failed: 0, coldStarts: 0, p50Ms: null, p95Ms: null, p99Ms: null };

export function createLoaders(
  { environments, functions, triggers, invocations, queue, backlogs, logs }: LoaderSources,
  ctx: RequestContext,
  options: LoaderOptions,
): Loaders {
  const byId = <T extends { readonly id: string }>(read: (ids: readonly string[]) => Promise<readonly T[]>): ById<T> =>
    new DataLoader(async (ids) => inOrder(ids, keyedById(await read(ids))), options);
  const byKey = <T, D>(
    read: (ids: readonly string[]) => Promise<Map<string, T>>,
    missing: D,
  ): DataLoader<string, T | D> =>
    new DataLoader(async (ids) => inOrder(ids, await read(ids)).map((found) => found ?? missing), options);
  return {
    environments: byId((ids) => environments.byIds(ids)),
    functions: byId((ids) => functions.byIds(ids)),
    versions: byId((ids) => functions.versionsByIds(ids)),
    sources: byKey((ids) => functions.sources(ids), undefined),
    triggers: byId((ids) => triggers.byIds(ids)),
    triggerStatuses: byKey((ids) => triggers.statuses(ids), undefined),
    lastRuns: byKey((ids) => triggers.lastRuns(ids), undefined),
    backlogs: backlogLoader(backlogs, options),
    results: byKey((ids) => queue.results(ids), undefined),
    triggersOfFunction: byKey(async (ids) => groupedByFunction(await triggers.byFunctionIds(ids)), []),
    versionCount: byKey((ids) => functions.countVersions(ids), 0),
    functionCount: byKey((ids) => functions.countOfEnvironments(ids), 0),
    versionsOf: perArgument((page) => byKey((ids) => functions.versions(ctx, ids, page), noPage)),
    functionsOf: perArgument((page) => byKey((ids) => functions.ofEnvironments(ctx, ids, page), noPage)),
    invocationsOf: perArgument(({ page, status }) =>
      byKey((ids) => invocations.ofFunctions(ids, status === undefined ? {} : { statuses: [status] }, page), noPage),
    ),
    statsOf: perArgument((windowSeconds) => byKey((ids) => invocations.stats(ids, windowSeconds), noStats)),
    logsOf: perArgument(
      (page) =>
        new DataLoader<InvocationKey, Page<LogLine>, string>(
          async (keys) => {
            const pages = await logs.ofInvocations(
              keys.map(({ id, functionId }) => ({ id, functionId })),
              page,
            );
            return keys.map(({ id }) => pages.get(id) ?? noPage);
          },
          { ...options, cacheKeyFn: ({ id }) => id },
        ),
    ),
  };
}

function backlogLoader(source: LoaderSources["backlogs"], options: LoaderOptions): Loaders["backlogs"] {
  const count = async (queues: readonly QueueTrigger[]): Promise<(number | undefined)[]> => {
    const ids = queues.map(({ id }) => id);
    return inOrder(ids, await source.backlog(queues));
  };
  return new DataLoader(count, { ...options, cacheKeyFn: ({ id }) => id });
}

/** One loader per distinct argument: fields selected twice with other arguments are other lists. */
function perArgument<K, A, T>(create: (argument: A) => DataLoader<K, T, string>): (key: K, argument: A) => Promise<T> {
  const loaders = new Map<string, DataLoader<K, T, string>>();
  return (key, argument) => {
    const name = JSON.stringify(argument);
    const loader = loaders.get(name) ?? create(argument);
    loaders.set(name, loader);
    return loader.load(key);
  };
}

const inOrder = <T>(keys: readonly string[], found: ReadonlyMap<string, T>): (T | undefined)[] =>
  keys.map((key) => found.get(key));

const keyedById = <T extends { readonly id: string }>(items: readonly T[]): Map<string, T> =>
  new Map(items.map((item) => [item.id, item]));

function groupedByFunction(triggers: readonly Trigger[]): Map<string, Trigger[]> {
  const groups = new Map<string, Trigger[]>();
  for (const trigger of triggers) {
    const group = groups.get(trigger.functionId) ?? [];
    groups.set(trigger.functionId, [...group, trigger]);
  }
  return groups;
}
