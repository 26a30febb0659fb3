/** What the resolvers need of the parts behind them: declared here, given by whoever builds the schema. */
import type { NewAsyncInvocation } from "../model/async-invocation.js";
import type { Change } from "../model/change.js";
import type { Check } from "../model/check.js";
import type { Environment } from "../model/environment.js";
import type { FunctionSpec, FunctionVersion } from "../model/function.js";
import type {
  EnvironmentChange,
  EnvironmentFilter,
  FunctionChange,
  FunctionFilter,
  HttpTriggerChange,
  NewEnvironment,
  NewFunction,
  KubernetesWatchTriggerChange,
  NewHttpTrigger,
  NewKubernetesWatchTrigger,
  NewQueueTrigger,
  NewTimeTrigger,
  QueueTriggerChange,
  ResourceName,
  TimeTriggerChange,
  TriggerFilter,
} from "../model/inputs.js";
import type { Pool } from "../model/instance.js";
import type { Invocation, InvocationResult, InvocationSource, InvocationStats } from "../model/invocation.js";
import type { LogLine } from "../model/log-line.js";
import type { Page, PageRequest } from "../model/page.js";
import type { InvocationFilter, LogFilter } from "../model/record-filter.js";
import type { PoolView } from "../model/pool-view.js";
import type { RequestContext } from "../model/request-context.js";
import type { ServerProcess } from "../model/server-process.js";
import type { NewTopicMessage, Publication } from "../model/topic-message.js";
import type {
  HttpTrigger,
  KubernetesWatchTrigger,
  QueueTrigger,
  TimeTrigger,
  Trigger,
  TriggerStatus,
} from "../model/trigger.js";

export interface EnvironmentOperations {
  create(ctx: RequestContext, input: NewEnvironment): Promise<Environment>;
  update(ctx: RequestContext, input: EnvironmentChange): Promise<Environment>;
  delete(ctx: RequestContext, name: ResourceName): Promise<Environment>;
  find(ctx: RequestContext, name: ResourceName): Promise<Environment | undefined>;
  list(ctx: RequestContext, filter: EnvironmentFilter, page: PageRequest): Promise<Page<Environment>>;
  count(ctx: RequestContext, filter: EnvironmentFilter): Promise<number>;
}

export interface FunctionOperations {
  create(ctx: RequestContext, input: NewFunction): Promise<FunctionSpec>;
  update(ctx: RequestContext, input: FunctionChange): Promise<FunctionSpec>;
  delete(ctx: RequestContext, name: ResourceName, options: { deleteTriggers: boolean }): Promise<FunctionSpec>;
  rollback(ctx: RequestContext, name: ResourceName, toVersion: number): Promise<FunctionSpec>;
  find(ctx: RequestContext, name: ResourceName): Promise<FunctionSpec | undefined>;
  /** The living one, or else the one of this name that was deleted last. */
  findRecorded(ctx: RequestContext, name: ResourceName): Promise<FunctionSpec | undefined>;
  list(ctx: RequestContext, filter: FunctionFilter, page: PageRequest): Promise<Page<FunctionSpec>>;
  count(ctx: RequestContext, filter: FunctionFilter): Promise<number>;
  version(functionId: string, number: number): Promise<FunctionVersion | undefined>;
}

export interface TriggerOperations {
  createHttp(ctx: RequestContext, input: NewHttpTrigger): Promise<HttpTrigger>;
  updateHttp(ctx: RequestContext, input: HttpTriggerChange): Promise<HttpTrigger>;
  createTime(ctx: RequestContext, input: NewTimeTrigger): Promise<TimeTrigger>;
  updateTime(ctx: RequestContext, input: TimeTriggerChange): Promise<TimeTrigger>;
  createWatch(ctx: RequestContext, input: NewKubernetesWatchTrigger): Promise<KubernetesWatchTrigger>;
  updateWatch(ctx: RequestContext, input: KubernetesWatchTriggerChange): Promise<KubernetesWatchTrigger>;
  createQueue(ctx: RequestContext, input: NewQueueTrigger): Promise<QueueTrigger>;
  updateQueue(ctx: RequestContext, input: QueueTriggerChange): Promise<QueueTrigger>;
  nextRuns(trigger: TimeTrigger, count: number): Date[];
  setEnabled(ctx: RequestContext, id: string, enabled: boolean): Promise<Trigger>;
  delete(ctx: RequestContext, id: string): Promise<Trigger>;
  find(ctx: RequestContext, id: string): Promise<Trigger | undefined>;
  list(ctx: RequestContext, filter: TriggerFilter, page: PageRequest): Promise<Page<Trigger>>;
  count(ctx: RequestContext, filter: TriggerFilter): Promise<number>;
}

export interface InvocationOperations {
  find(id: string): Promise<Invocation | undefined>;
  list(filter: InvocationFilter, page: PageRequest): Promise<Page<Invocation>>;
}

/** Invocations that are answered before they have run. */
export interface AsyncOperations {
  /** Resolves when it is stored. */
  enqueue(request: AsyncCall): Promise<{ invocation: Invocation }>;
  cancel(id: string): Promise<Invocation>;
  redrive(id: string): Promise<Invocation>;
  /** How many there were, `limit` at most. */
  redriveAll(filter: InvocationFilter, limit: number): Promise<number>;
}

type AsyncCall = Omit<NewAsyncInvocation, "id" | "acceptedAt" | "statusToken" | "depth">;

export interface LogOperations {
  list(filter: LogFilter, page: PageRequest): Promise<Page<LogLine>>;
}

/** What is published to topics. Rejects where the message is not what it should be, or can't be stored. */
export interface TopicOperations {
  publish(message: NewTopicMessage): Promise<Publication>;
}

/** The one door to running a function. */
export interface InvokeOperation {
  invoke(ctx: RequestContext, call: FunctionCall): Promise<{ invocation: Invocation; result: InvocationResult }>;
}

export interface FunctionCall {
  readonly functionId: string;
  /** Null is the current one. */
  readonly version: number | null;
  readonly method: string;
  readonly path: string;
  readonly headers: [string, string][];
  readonly body: string | undefined;
  readonly source: InvocationSource;
  readonly triggerId: string | null;
}

/** Live sequences, from the moment the promise resolves until the signal aborts or the reader returns. */
export interface Feeds {
  /** The last `tail` lines that match, then every later one: no gap, no repeat. */
  logs(filter: LogFilter, tail: number, signal: AbortSignal): Promise<AsyncGenerator<LogLine>>;
  invocations(filter: InvocationFilter, signal: AbortSignal): Promise<AsyncGenerator<Invocation>>;
  changes(filter: { namespace?: string }, signal: AbortSignal): Promise<AsyncGenerator<Change>>;
  /** A pool that matches each time one of its counts changed; states in between may be left out. */
  pools(matches: PoolMatch, signal: AbortSignal): Promise<AsyncGenerator<Pool>>;
}

export type PoolMatch = (environmentId: string) => Promise<boolean>;

export interface ServerInfo {
  readonly version: string;
  readonly store: string;
  readonly routerUrl: string;
  readonly startedAt: Date;
}

export interface ServerOperations {
  info(): ServerInfo;
  /** What runs the instances, in words. */
  cluster(): Promise<string>;
  /** All processes of the installation, this one too. */
  processes(): Promise<readonly ServerProcess[]>;
  checks(): Promise<readonly Check[]>;
}

/** Everything that the loaders read, each for many parents at once. */
export interface LoaderSources {
  readonly environments: { byIds(ids: readonly string[]): Promise<readonly Environment[]> };
  readonly functions: {
    byIds(ids: readonly string[]): Promise<readonly FunctionSpec[]>;
    versions(
      ctx: RequestContext,
      functionIds: readonly string[],
      page: PageRequest,
    ): Promise<Map<string, Page<FunctionVersion>>>;
    countVersions(functionIds: readonly string[]): Promise<Map<string, number>>;
    versionsByIds(ids: readonly string[]): Promise<readonly FunctionVersion[]>;
    sources(versionIds: readonly string[]): Promise<Map<string, string>>;
    ofEnvironments(
      ctx: RequestContext,
      environmentIds: readonly string[],
      page: PageRequest,
    ): Promise<Map<string, Page<FunctionSpec>>>;
    countOfEnvironments(ids: readonly string[]): Promise<Map<string, number>>;
  };
  readonly triggers: {
    byIds(ids: readonly string[]): Promise<readonly Trigger[]>;
    byFunctionIds(ids: readonly string[]): Promise<readonly Trigger[]>;
    statuses(ids: readonly string[]): Promise<Map<string, TriggerStatus>>;
    lastRuns(ids: readonly string[]): Promise<Map<string, Date>>;
  };
  readonly invocations: {
    ofFunctions(
      functionIds: readonly string[],
      filter: InvocationFilter,
      page: PageRequest,
    ): Promise<Map<string, Page<Invocation>>>;
    stats(functionIds: readonly string[], windowSeconds: number): Promise<Map<string, InvocationStats>>;
  };
  /** Answers that were kept. */
  readonly queue: { results(ids: readonly string[]): Promise<Map<string, InvocationResult>> };
  readonly backlogs: {
    /** By trigger; without those whose broker can't tell now. */
    backlog(triggers: readonly QueueTrigger[]): Promise<Map<string, number>>;
  };
  readonly logs: {
    ofInvocations(
      invocations: { readonly id: string; readonly functionId: string }[],
      page: PageRequest,
    ): Promise<Map<string, Page<LogLine>>>;
  };
}

/** All that an API is built on. */
export interface ApiParts {
  readonly environments: EnvironmentOperations & LoaderSources["environments"];
  readonly functions: FunctionOperations & LoaderSources["functions"];
  readonly triggers: TriggerOperations & LoaderSources["triggers"];
  readonly invocations: InvocationOperations & LoaderSources["invocations"];
  readonly logs: LogOperations & LoaderSources["logs"];
  readonly topics: TopicOperations;
  readonly backlogs: LoaderSources["backlogs"];
  readonly invoker: InvokeOperation;
  readonly queue: AsyncOperations & LoaderSources["queue"];
  readonly pools: PoolView;
  readonly feeds: Feeds;
  readonly server: ServerOperations;
}
