/** What the services need of the store; src/store fulfils it. */
import type { ChangedResource } from "../model/change.js";
import type { Environment } from "../model/environment.js";
import type { FunctionSpec, FunctionVersion } from "../model/function.js";
import type { EnvironmentFilter, FunctionFilter, ResourceName, TriggerFilter } from "../model/inputs.js";
import type { Page, PageRequest } from "../model/page.js";
import type { ChangeType } from "../model/resource.js";
import type { HttpTrigger, Trigger, TriggerStatus } from "../model/trigger.js";

/** Reads the living, but for `byIds`, which also finds what lives on in its history only. */
interface ResourceReads<T, Filter> {
  find(name: ResourceName): Promise<T | undefined>;
  list(filter: Filter, page: PageRequest): Promise<Page<T>>;
  count(filter: Filter): Promise<number>;
  byIds(ids: readonly string[]): Promise<T[]>;
}

export type EnvironmentReads = ResourceReads<Environment, EnvironmentFilter>;

export interface FunctionReads extends ResourceReads<FunctionSpec, FunctionFilter> {
  /** The living one, or else the one of this name that was deleted last. */
  findRecorded(name: ResourceName): Promise<FunctionSpec | undefined>;
  ofEnvironments(ids: readonly string[], page: PageRequest): Promise<Map<string, Page<FunctionSpec>>>;
  countOfEnvironments(ids: readonly string[]): Promise<Map<string, number>>;
}

export interface VersionReads {
  ofFunctions(ids: readonly string[], page: PageRequest): Promise<Map<string, Page<FunctionVersion>>>;
  countOfFunctions(ids: readonly string[]): Promise<Map<string, number>>;
  byIds(ids: readonly string[]): Promise<FunctionVersion[]>;
  byNumber(functionId: string, number: number): Promise<FunctionVersion | undefined>;
  sources(ids: readonly string[]): Promise<Map<string, string>>;
}

export interface TriggerReads extends Omit<ResourceReads<Trigger, TriggerFilter>, "find"> {
  findById(id: string): Promise<Trigger | undefined>;
  ofFunctions(functionIds: readonly string[]): Promise<Trigger[]>;
}

/** What the process that runs the triggers has written of them, by trigger id; only of those it has written of. */
export interface TriggerRecords {
  statuses(ids: readonly string[]): Promise<Map<string, TriggerStatus>>;
  /** When a time trigger has called its function last. */
  lastRuns(ids: readonly string[]): Promise<Map<string, Date>>;
}

/** Writes, each in one transaction that is the only one at its time: what was read in it stays true until it commits. */
export interface Store {
  write<T>(work: (transaction: StoreTransaction) => Promise<T>): Promise<T>;
}

export interface StoreTransaction {
  readonly environments: EnvironmentWrites;
  readonly functions: FunctionWrites;
  readonly triggers: TriggerWrites;
  /** Tells everybody, once the transaction has committed. */
  announce(type: ChangeType, changed: ChangedResource): Promise<void>;
}

export interface EnvironmentWrites {
  lock(name: ResourceName): Promise<Environment | undefined>;
  lockById(id: string): Promise<Environment | undefined>;
  /** Rejects with ALREADY_EXISTS where the name is taken. */
  insert(environment: Environment): Promise<void>;
  update(environment: Environment): Promise<void>;
  markDeleted(id: string, at: Date): Promise<void>;
}

/** What the living functions of an environment need of it, as they are now. */
export interface EnvironmentUse {
  readonly functions: number;
  readonly withVariables: number;
  /** One for each function that has one. */
  readonly entrypoints: readonly string[];
}

export interface FunctionWrites {
  lock(name: ResourceName): Promise<FunctionSpec | undefined>;
  /** With its first version. Rejects with ALREADY_EXISTS where the name is taken. */
  insert(fn: FunctionSpec, version: FunctionVersion, source: string): Promise<void>;
  update(fn: FunctionSpec): Promise<void>;
  markDeleted(id: string, at: Date): Promise<void>;
  /** The number for the function's next version; given out once. */
  takeVersionNumber(functionId: string): Promise<number>;
  insertVersion(version: FunctionVersion, source: string): Promise<void>;
  version(functionId: string, number: number): Promise<{ version: FunctionVersion; source: string } | undefined>;
  useOf(environmentId: string): Promise<EnvironmentUse>;
}

/** Which living trigger takes one of a route's methods already. */
export interface RouteOwner {
  readonly method: string;
  readonly triggerId: string;
}

export interface TriggerWrites {
  /** The living one of this id, of whichever kind. */
  find(id: string): Promise<Trigger | undefined>;
  /** The living triggers of a function. */
  ofFunction(functionId: string): Promise<Trigger[]>;
  /** Rejects with ALREADY_EXISTS where the name is taken. */
  insert(trigger: Trigger): Promise<void>;
  update(trigger: Trigger): Promise<void>;
  markDeleted(trigger: Trigger, at: Date): Promise<void>;
  routeOwner(route: Pick<HttpTrigger, "id" | "host" | "path" | "methods">): Promise<RouteOwner | undefined>;
  /** Names among living routes that are `base` or begin with it and a hyphen. */
  routeNamesLike(namespace: string, base: string): Promise<string[]>;
}
