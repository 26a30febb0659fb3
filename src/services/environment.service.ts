import { AppError, badInput } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { newId } from "../lib/new-id.js";
import type { ComputeResources, Environment } from "../model/environment.js";
import { firstFault } from "../model/fault.js";
import type { EnvironmentChange, EnvironmentFilter, NewEnvironment, ResourceName } from "../model/inputs.js";
import type { Page, PageRequest } from "../model/page.js";
import type { PodTemplate } from "../model/pod-template.js";
import type { RequestContext } from "../model/request-context.js";
import { environmentFault, resourcesFault } from "../model/validate-environment.js";
import { asPodTemplate } from "../model/validate-pod-template.js";
import { entrypointFitsFault } from "./function-version.js";
import { notFound, refuse, refuseStale } from "./refusals.js";
import { revise } from "./revise.js";
import type { EnvironmentReads, Store, StoreTransaction } from "./store-port.js";

/** What tells whether an image can run here: the cluster driver. */
export interface ImageCheck {
  /** Undefined where it can, else one sentence that says what would be right. */
  refuseImage(image: string, contract: Environment["contract"]): string | undefined;
}

export interface EnvironmentServiceParts {
  readonly store: Store;
  readonly environments: EnvironmentReads;
  readonly images: ImageCheck;
  readonly clock: Clock;
}

const noResources: ComputeResources = { cpuRequest: null, cpuLimit: null, memoryRequest: null, memoryLimit: null };

/** The rules for environments: which may be, and when one may change or go. */
export class EnvironmentService {
  constructor(private readonly parts: EnvironmentServiceParts) {}

  async create(_ctx: RequestContext, input: NewEnvironment): Promise<Environment> {
    const resources = withChanges(noResources, input.resources);
    refuse(firstFault(environmentFault(input), resourcesFault({ image: input.image, resources })));
    this.#refuseImage(input.image, input.contract);
    const { namespace, name, image, contract, poolSize, gracePeriodSeconds } = input;
    const now = this.parts.clock.now();
    const identity = { id: newId(), namespace, name, revision: 1, createdAt: now, updatedAt: now };
    const podTemplate = input.podTemplate == null ? null : asPodTemplate(input.podTemplate);
    const environment = { ...identity, image, contract, poolSize, resources, gracePeriodSeconds, podTemplate };
    return this.parts.store.write(async (tx) => {
      await tx.environments.insert(environment);
      await tx.announce("CREATED", { kind: "Environment", resource: environment });
      return environment;
    });
  }

  /** A change that makes no difference leaves the revision as it is. */
  async update(_ctx: RequestContext, input: EnvironmentChange): Promise<Environment> {
    refuse(environmentFault(input));
    return this.parts.store.write(async (tx) => {
      const current = await lockEnvironment(tx, input);
      refuseStale("environment", current, input.expectedRevision);
      const environment = revise(current, changesOf(current, input), this.parts.clock.now());
      if (environment === current) return current;
      refuse(resourcesFault(environment));
      if (environment.image !== current.image || environment.contract !== current.contract) {
        this.#refuseImage(environment.image, environment.contract);
      }
      await refuseLostFunctions(tx, current, environment);
      await tx.environments.update(environment);
      await tx.announce("UPDATED", { kind: "Environment", resource: environment });
      return environment;
    });
  }

  async delete(_ctx: RequestContext, name: ResourceName): Promise<Environment> {
    return this.parts.store.write(async (tx) => {
      const environment = await lockEnvironment(tx, name);
      const { functions } = await tx.functions.useOf(environment.id);
      if (functions > 0) throw inUse(`${countOf(functions, "function")}; ${goFirst(functions === 1 ? "it" : "them")}`);
      await tx.environments.markDeleted(environment.id, this.parts.clock.now());
      await tx.announce("DELETED", { kind: "Environment", resource: environment });
      return environment;
    });
  }

  find(_ctx: RequestContext, name: ResourceName): Promise<Environment | undefined> {
    return this.parts.environments.find(name);
  }

  list(_ctx: RequestContext, filter: EnvironmentFilter, page: PageRequest): Promise<Page<Environment>> {
    return this.parts.environments.list(filter, page);
  }

  count(_ctx: RequestContext, filter: EnvironmentFilter): Promise<number> {
    return this.parts.environments.count(filter);
  }

  /** In any order, deleted ones too. */
  byIds(ids: readonly string[]): Promise<Environment[]> {
    return this.parts.environments.byIds(ids);
  }

  #refuseImage(image: string, contract: Environment["contract"]): void {
    const refusal = this.parts.images.refuseImage(image, contract);
    if (refusal !== undefined) throw badInput("image", refusal);
  }
}

async function lockEnvironment(tx: StoreTransaction, name: ResourceName): Promise<Environment> {
  const environment = await tx.environments.lock(name);
  if (environment === undefined) throw notFound("environment", "name");
  return environment;
}

const changesOf = (current: Environment, input: EnvironmentChange): Partial<Environment> => ({
  image: input.image ?? current.image,
  contract: input.contract ?? current.contract,
  poolSize: input.poolSize ?? current.poolSize,
  gracePeriodSeconds: input.gracePeriodSeconds ?? current.gracePeriodSeconds,
  resources: withChanges(current.resources, input.resources),
  podTemplate: chosenPodTemplate(current.podTemplate, input.podTemplate),
});

/** Null takes it away, undefined leaves it. */
function chosenPodTemplate(current: PodTemplate | null, change: unknown): PodTemplate | null {
  if (change === undefined) return current;
  return change === null ? null : asPodTemplate(change);
}

/** A quantity that is null goes back to the cluster's default, one that is absent stays. */
function withChanges(
  current: ComputeResources,
  changes: Partial<ComputeResources> | null | undefined,
): ComputeResources {
  const chosen = (name: keyof ComputeResources): string | null => {
    const change = changes?.[name];
    return change === undefined ? current[name] : change;
  };
  return {
    cpuRequest: chosen("cpuRequest"),
    cpuLimit: chosen("cpuLimit"),
    memoryRequest: chosen("memoryRequest"),
    memoryLimit: chosen("memoryLimit"),
  };
}

/** Functions that are to be called, as they are now, by another contract have to fit it. */
async function refuseLostFunctions(tx: StoreTransaction, from: Environment, to: Environment): Promise<void> {
  if (from.contract === to.contract) return;
  const { withVariables, entrypoints } = await tx.functions.useOf(from.id);
  if (withVariables > 0 && to.contract !== "FERMI") {
    throw inUse(`${countOf(withVariables, "function")} with variables, which only the contract FERMI can hand over`);
  }
  const unfit = entrypoints.filter((entrypoint) => entrypointFitsFault(to, entrypoint, "entrypoint") !== undefined);
  if (unfit.length === 0) return;
  throw inUse(
    `${countOf(unfit.length, "function")} with an entrypoint that the contract ${to.contract} has no place for`,
  );
}

const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

const goFirst = (them: string): string => `delete ${them} or move ${them} to another first`;

const inUse = (why: string): AppError => new AppError("IN_USE", `The environment is in use: it has ${why}.`);
