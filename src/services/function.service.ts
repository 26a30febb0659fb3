import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { newId } from "../lib/new-id.js";
import { changedTrigger } from "../model/change.js";
import type { Environment } from "../model/environment.js";
import { firstFault, isPlainText, rule } from "../model/fault.js";
import { defaultRunSettings, type FunctionSpec, type FunctionVersion, type RunSettings } from "../model/function.js";
import type { FunctionChange, FunctionFilter, NewFunction, ResourceName } from "../model/inputs.js";
import type { Page, PageRequest } from "../model/page.js";
import type { RequestContext } from "../model/request-context.js";
import { functionFault, settingsFault } from "../model/validate-function.js";
import {
  buildVersion,
  entrypointFitsFault,
  isSameContent,
  variablesFitFault,
  type VersionContent,
} from "./function-version.js";
import { notFound, refuse, refuseStale } from "./refusals.js";
import { revise } from "./revise.js";
import type { FunctionReads, Store, StoreTransaction, VersionReads } from "./store-port.js";

export interface FunctionServiceParts {
  readonly store: Store;
  readonly functions: FunctionReads;
  readonly versions: VersionReads;
  readonly clock: Clock;
}

/** The rules for functions and their immutable versions. */
export class FunctionService {
  constructor(private readonly parts: FunctionServiceParts) {}

  async create(_ctx: RequestContext, input: NewFunction): Promise<FunctionSpec> {
    const settings = withSettings(defaultRunSettings, input.settings);
    refuse(firstFault(functionFault(input), settingsFault(settings)));
    return this.parts.store.write(async (tx) => {
      const content = await contentOf(tx, input, undefined);
      const { namespace, name } = input;
      const now = this.parts.clock.now();
      const [id, versionId] = [newId(), newId()];
      const fn: FunctionSpec = {
        ...{ id, namespace, name, revision: 1, createdAt: now, updatedAt: now },
        environmentId: content.environmentId,
        currentVersionId: versionId,
        currentVersionNumber: 1,
        settings,
      };
      const version = buildVersion({ id: versionId, functionId: id, number: 1, createdAt: now }, content);
      await tx.functions.insert(fn, version, content.source);
      await tx.announce("CREATED", { kind: "Function", resource: fn });
      return fn;
    });
  }

  /**
   * Makes a version where environment, source, entrypoint or variables really differ from the current one's. A change
   * that makes no difference at all leaves the revision as it is.
   */
  async update(_ctx: RequestContext, input: FunctionChange): Promise<FunctionSpec> {
    refuse(functionFault(input));
    return this.parts.store.write(async (tx) => {
      const current = await lockFunction(tx, input);
      refuseStale("function", current, input.expectedRevision);
      const settings = withSettings(current.settings, input.settings);
      if (input.settings != null) refuse(settingsFault(settings));
      const version = await this.#nextVersion(tx, current, input);
      return this.#save(tx, current, { settings, ...(version === undefined ? {} : currentVersion(version)) });
    });
  }

  async delete(_ctx: RequestContext, name: ResourceName, options: { deleteTriggers: boolean }): Promise<FunctionSpec> {
    return this.parts.store.write(async (tx) => {
      const fn = await lockFunction(tx, name);
      const triggers = await tx.triggers.ofFunction(fn.id);
      if (triggers.length > 0 && !options.deleteTriggers) throw hasTriggers(triggers.length);
      const now = this.parts.clock.now();
      for (const trigger of triggers) {
        await tx.triggers.markDeleted(trigger, now);
        await tx.announce("DELETED", changedTrigger(trigger));
      }
      await tx.functions.markDeleted(fn.id, now);
      await tx.announce("DELETED", { kind: "Function", resource: fn });
      return fn;
    });
  }

  /** Makes no version: the earlier one becomes current again. */
  async rollback(_ctx: RequestContext, name: ResourceName, toVersion: number): Promise<FunctionSpec> {
    return this.parts.store.write(async (tx) => {
      const current = await lockFunction(tx, name);
      if (toVersion === current.currentVersionNumber) return current;
      const found = await tx.functions.version(current.id, toVersion);
      if (found === undefined) {
        throw new AppError("NOT_FOUND", "The function has no version with this number.", { field: "toVersion" });
      }
      const environment = await tx.environments.lockById(found.version.environmentId);
      if (environment === undefined) {
        throw new AppError("CONFLICT", "The environment of this version was deleted.", { field: "toVersion" });
      }
      const { variables, entrypoint } = found.version;
      refuse(variablesFitFault(environment, variables, "toVersion"));
      refuse(entrypointFitsFault(environment, entrypoint, "toVersion"));
      return this.#save(tx, current, currentVersion(found.version));
    });
  }

  find(_ctx: RequestContext, name: ResourceName): Promise<FunctionSpec | undefined> {
    return this.parts.functions.find(name);
  }

  /** Its records are kept for a while after it has been deleted: then it is the one of this name that was deleted last. */
  findRecorded(_ctx: RequestContext, name: ResourceName): Promise<FunctionSpec | undefined> {
    return this.parts.functions.findRecorded(name);
  }

  list(_ctx: RequestContext, filter: FunctionFilter, page: PageRequest): Promise<Page<FunctionSpec>> {
    refuseSearch(filter);
    return this.parts.functions.list(filter, page);
  }

  count(_ctx: RequestContext, filter: FunctionFilter): Promise<number> {
    refuseSearch(filter);
    return this.parts.functions.count(filter);
  }

  /** In any order, deleted ones too. */
  byIds(ids: readonly string[]): Promise<FunctionSpec[]> {
    return this.parts.functions.byIds(ids);
  }

  versions(
    _ctx: RequestContext,
    functionIds: readonly string[],
    page: PageRequest,
  ): Promise<Map<string, Page<FunctionVersion>>> {
    return this.parts.versions.ofFunctions(functionIds, page);
  }

  countVersions(functionIds: readonly string[]): Promise<Map<string, number>> {
    return this.parts.versions.countOfFunctions(functionIds);
  }

  versionsByIds(ids: readonly string[]): Promise<FunctionVersion[]> {
    return this.parts.versions.byIds(ids);
  }

  version(functionId: string, number: number): Promise<FunctionVersion | undefined> {
    return this.parts.versions.byNumber(functionId, number);
  }

  /** Source texts by version id. */
  sources(versionIds: readonly string[]): Promise<Map<string, string>> {
    return this.parts.versions.sources(versionIds);
  }

  ofEnvironments(
    _ctx: RequestContext,
    environmentIds: readonly string[],
    page: PageRequest,
  ): Promise<Map<string, Page<FunctionSpec>>> {
    return this.parts.functions.ofEnvironments(environmentIds, page);
  }

  countOfEnvironments(ids: readonly string[]): Promise<Map<string, number>> {
    return this.parts.functions.countOfEnvironments(ids);
  }

  async #nextVersion(
    tx: StoreTransaction,
    current: FunctionSpec,
    input: FunctionChange,
  ): Promise<FunctionVersion | undefined> {
    const { environment, source, entrypoint, variables } = input;
    if (environment == null && source == null && entrypoint === undefined && variables == null) return undefined;
    const before = await currentContent(tx, current);
    const content = await contentOf(tx, input, before);
    if (isSameContent(content, before)) return undefined;
    const number = await tx.functions.takeVersionNumber(current.id);
    const identity = { id: newId(), functionId: current.id, number, createdAt: this.parts.clock.now() };
    const version = buildVersion(identity, content);
    await tx.functions.insertVersion(version, content.source);
    return version;
  }

  async #save(tx: StoreTransaction, current: FunctionSpec, changes: Partial<FunctionSpec>): Promise<FunctionSpec> {
    const fn = revise(current, changes, this.parts.clock.now());
    if (fn === current) return current;
    await tx.functions.update(fn);
    await tx.announce("UPDATED", { kind: "Function", resource: fn });
    return fn;
  }
}

async function lockFunction(tx: StoreTransaction, name: ResourceName): Promise<FunctionSpec> {
  const fn = await tx.functions.lock(name);
  if (fn === undefined) throw notFound("function", "name");
  return fn;
}

async function currentContent(tx: StoreTransaction, fn: FunctionSpec): Promise<VersionContent> {
  const found = await tx.functions.version(fn.id, fn.currentVersionNumber);
  if (found === undefined) throw new AppError("INTERNAL", "The function's current version is missing.");
  return { ...found.version, source: found.source };
}

/** What a version made of the input would hold; `before` fills in what the input leaves out. */
async function contentOf(
  tx: StoreTransaction,
  input: FunctionChange,
  before: VersionContent | undefined,
): Promise<VersionContent> {
  const environment = await environmentFor(tx, input, before);
  const variables = input.variables ?? before?.variables ?? [];
  refuse(variablesFitFault(environment, variables, input.variables == null ? "environment" : "variables"));
  const entrypoint = input.entrypoint === undefined ? (before?.entrypoint ?? null) : input.entrypoint;
  refuse(entrypointFitsFault(environment, entrypoint, input.entrypoint == null ? "environment" : "entrypoint"));
  return {
    environmentId: environment.id,
    source: input.source ?? before?.source ?? "",
    entrypoint,
    variables: variables.map(({ name, value }) => ({ name, value })),
  };
}

async function environmentFor(
  tx: StoreTransaction,
  { namespace, environment: name }: FunctionChange,
  before: VersionContent | undefined,
): Promise<Environment> {
  const environment =
    name == null && before !== undefined
      ? await tx.environments.lockById(before.environmentId)
      : await tx.environments.lock({ namespace, name: name ?? "" });
  if (environment === undefined) throw notFound("environment", "name", "environment");
  return environment;
}

const currentVersion = ({ id, number, environmentId }: FunctionVersion): Partial<FunctionSpec> => ({
  environmentId,
  currentVersionId: id,
  currentVersionNumber: number,
});

function withSettings(current: RunSettings, changes: FunctionChange["settings"]): RunSettings {
  return {
    timeoutSeconds: changes?.timeoutSeconds ?? current.timeoutSeconds,
    requestsPerInstance: changes?.requestsPerInstance ?? current.requestsPerInstance,
    minInstances: changes?.minInstances ?? current.minInstances,
    maxInstances: changes?.maxInstances ?? current.maxInstances,
    idleTimeoutSeconds: changes?.idleTimeoutSeconds ?? current.idleTimeoutSeconds,
  };
}

const refuseSearch = ({ search }: FunctionFilter): void =>
  refuse(rule(search == null || isPlainText(search), "search", "must be text without NUL characters"));

const hasTriggers = (count: number): AppError =>
  new AppError(
    "IN_USE",
    `The function has ${count === 1 ? "a trigger; delete it" : `${count} triggers; delete them`} first, or pass deleteTriggers: true.`,
  );
