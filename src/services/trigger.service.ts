import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { newId } from "../lib/new-id.js";
import { changedTrigger } from "../model/change.js";
import { firstFault, type Fault } from "../model/fault.js";
import type {
  HttpTriggerChange,
  KubernetesWatchTriggerChange,
  NewHttpTrigger,
  NewKubernetesWatchTrigger,
  NewQueueTrigger,
  NewTimeTrigger,
  QueueTriggerChange,
  TimeTriggerChange,
  TriggerFilter,
} from "../model/inputs.js";
import type { Page, PageRequest } from "../model/page.js";
import type { RequestContext } from "../model/request-context.js";
import type { Resource } from "../model/resource.js";
import type {
  HttpTrigger,
  KubernetesWatchTrigger,
  QueueBroker,
  QueueTrigger,
  TimeTrigger,
  Trigger,
  TriggerKind,
  TriggerStatus,
} from "../model/trigger.js";
import { dueTimes, scheduleOf } from "../model/schedule.js";
import { isId, labelFault } from "../model/validate-name.js";
import { queueTriggerFault } from "../model/validate-queue-trigger.js";
import { timeTriggerFault } from "../model/validate-time-trigger.js";
import { httpTriggerFault } from "../model/validate-trigger.js";
import { watchTriggerFault } from "../model/validate-watch-trigger.js";
import { notFound, refuse, refuseStale } from "./refusals.js";
import { revise } from "./revise.js";
import type { Store, StoreTransaction, TriggerReads, TriggerRecords } from "./store-port.js";
import {
  changedQueue,
  changedRoute,
  changedTimer,
  changedWatch,
  newQueue,
  newRoute,
  newTimer,
  newWatch,
} from "./trigger-plans.js";
import { freeRouteName, refuseTakenRoute } from "./trigger-routes.js";

/** What this installation can and can't do, so that a trigger that could never work is refused at once. */
export interface TriggerSupport {
  /** Why no Kubernetes objects can be watched here, as what follows "This installation"; undefined where they can. */
  watchProblem(): string | undefined;
  /** Why there are no topics of this broker here, likewise; undefined where there are. */
  brokerProblem(broker: QueueBroker): string | undefined;
}

export interface TriggerServiceParts {
  readonly store: Store;
  readonly triggers: TriggerReads;
  readonly records: TriggerRecords;
  readonly support: TriggerSupport;
  readonly clock: Clock;
}

type OfKind<K extends TriggerKind> = Extract<Trigger, { kind: K }>;

/** The rules for triggers. Names are unique among those of one kind. */
export class TriggerService {
  constructor(private readonly parts: TriggerServiceParts) {}

  async createHttp(_ctx: RequestContext, input: NewHttpTrigger): Promise<HttpTrigger> {
    const { namespace, name } = input;
    refuse(firstFault(nameFault(namespace, name), httpTriggerFault(input)));
    return this.#create(namespace, input.function, async (tx, base) => ({
      ...base,
      kind: "HTTP",
      name: name ?? (await freeRouteName(tx, input)),
      ...newRoute(input),
    }));
  }

  /** A change that makes no difference leaves the revision as it is. */
  async updateHttp(_ctx: RequestContext, input: HttpTriggerChange): Promise<HttpTrigger> {
    refuse(httpTriggerFault(input));
    return this.#update("HTTP", input, (current) => changedRoute(current, input));
  }

  async createTime(_ctx: RequestContext, input: NewTimeTrigger): Promise<TimeTrigger> {
    const { namespace, name } = input;
    const own = newTimer(input, this.parts.clock.now());
    refuse(firstFault(nameFault(namespace, name), functionFault(input), timeTriggerFault(own)));
    return this.#create(namespace, input.function, (_tx, base) => ({ ...base, kind: "TIME", name, ...own }));
  }

  async updateTime(_ctx: RequestContext, input: TimeTriggerChange): Promise<TimeTrigger> {
    refuse(functionFault(input));
    return this.#update("TIME", input, (current) => {
      const own = changedTimer(current, input, this.parts.clock.now());
      refuse(timeTriggerFault(own));
      return own;
    });
  }

  async createWatch(_ctx: RequestContext, input: NewKubernetesWatchTrigger): Promise<KubernetesWatchTrigger> {
    const { namespace, name } = input;
    const own = newWatch(input);
    refuse(firstFault(nameFault(namespace, name), functionFault(input), watchTriggerFault(own)));
    refuseUnsupported(this.parts.support.watchProblem());
    return this.#create(namespace, input.function, (_tx, base) => ({
      ...base,
      kind: "KUBERNETES_WATCH",
      name,
      ...own,
    }));
  }

  async updateWatch(_ctx: RequestContext, input: KubernetesWatchTriggerChange): Promise<KubernetesWatchTrigger> {
    refuse(functionFault(input));
    return this.#update("KUBERNETES_WATCH", input, (current) => {
      const own = changedWatch(current, input);
      refuse(watchTriggerFault(own));
      return own;
    });
  }

  async createQueue(_ctx: RequestContext, input: NewQueueTrigger): Promise<QueueTrigger> {
    const { namespace, name } = input;
    const own = newQueue(input);
    refuse(firstFault(nameFault(namespace, name), functionFault(input), queueTriggerFault(own)));
    refuseUnsupported(this.parts.support.brokerProblem(input.broker), "broker");
    return this.#create(namespace, input.function, (_tx, base) => ({ ...base, kind: "QUEUE", name, ...own }));
  }

  async updateQueue(_ctx: RequestContext, input: QueueTriggerChange): Promise<QueueTrigger> {
    refuse(functionFault(input));
    return this.#update("QUEUE", input, (current) => {
      const own = changedQueue(current, input);
      refuse(queueTriggerFault(own));
      return own;
    });
  }

  /** A timer that is switched on counts from now: what was due while it was off was not missed. */
  setEnabled(_ctx: RequestContext, id: string, enabled: boolean): Promise<Trigger> {
    return this.#change(id, undefined, (_tx, current) =>
      Promise.resolve(
        current.kind === "TIME" && enabled && !current.enabled
          ? { enabled, armedAt: this.parts.clock.now() }
          : { enabled },
      ),
    );
  }

  async delete(_ctx: RequestContext, id: string): Promise<Trigger> {
    return this.parts.store.write(async (tx) => {
      const trigger = await getTrigger(tx, id);
      await tx.triggers.markDeleted(trigger, this.parts.clock.now());
      await tx.announce("DELETED", changedTrigger(trigger));
      return trigger;
    });
  }

  async find(_ctx: RequestContext, id: string): Promise<Trigger | undefined> {
    return isId(id) ? this.parts.triggers.findById(id) : undefined;
  }

  list(_ctx: RequestContext, filter: TriggerFilter, page: PageRequest): Promise<Page<Trigger>> {
    return this.parts.triggers.list(filter, page);
  }

  count(_ctx: RequestContext, filter: TriggerFilter): Promise<number> {
    return this.parts.triggers.count(filter);
  }

  /** In any order, deleted ones too. */
  byIds(ids: readonly string[]): Promise<Trigger[]> {
    return this.parts.triggers.byIds(ids);
  }

  byFunctionIds(ids: readonly string[]): Promise<Trigger[]> {
    return this.parts.triggers.ofFunctions(ids);
  }

  /** None where it is switched off, or of a schedule that this version does not understand. */
  nextRuns(trigger: TimeTrigger, count: number): Date[] {
    const schedule = trigger.enabled ? scheduleOf(trigger) : undefined;
    return schedule === undefined ? [] : dueTimes(schedule, this.parts.clock.now(), count);
  }

  /** What was said of them last; nothing of those of which nothing was. */
  statuses(ids: readonly string[]): Promise<Map<string, TriggerStatus>> {
    return this.parts.records.statuses(ids);
  }

  lastRuns(ids: readonly string[]): Promise<Map<string, Date>> {
    return this.parts.records.lastRuns(ids);
  }

  async #create<T extends Trigger>(
    namespace: string,
    functionName: string,
    build: (tx: StoreTransaction, base: BaseOf<Trigger>) => T | Promise<T>,
  ): Promise<T> {
    return this.parts.store.write(async (tx) => {
      const functionId = await functionNamed(tx, namespace, functionName);
      const now = this.parts.clock.now();
      const id = newId();
      const trigger = await build(tx, {
        id,
        namespace,
        revision: 1,
        createdAt: now,
        updatedAt: now,
        functionId,
        enabled: true,
      });
      await refuseTakenRoute(tx, trigger);
      await tx.triggers.insert(trigger);
      await tx.announce("CREATED", changedTrigger(trigger));
      return trigger;
    });
  }

  #update<K extends TriggerKind>(
    kind: K,
    { id, expectedRevision, function: functionName }: ChangeOfTrigger,
    changesOf: (current: OfKind<K>) => Partial<Omit<OfKind<K>, keyof Resource>>,
  ): Promise<OfKind<K>> {
    return this.#change(id, expectedRevision, async (tx, current) => {
      if (current.kind !== kind) throw notFound("trigger", "id");
      const functionId =
        functionName == null ? {} : { functionId: await functionNamed(tx, current.namespace, functionName) };
      return { ...functionId, ...changesOf(current as OfKind<K>) };
    }) as Promise<OfKind<K>>;
  }

  async #change(
    id: string,
    expectedRevision: number | null | undefined,
    changesOf: (tx: StoreTransaction, current: Trigger) => Promise<object>,
  ): Promise<Trigger> {
    return this.parts.store.write(async (tx) => {
      const current = await getTrigger(tx, id);
      refuseStale("trigger", current, expectedRevision);
      const trigger: Trigger = revise(current, await changesOf(tx, current), this.parts.clock.now());
      if (trigger === current) return current;
      await refuseTakenRoute(tx, trigger);
      await tx.triggers.update(trigger);
      await tx.announce("UPDATED", changedTrigger(trigger));
      return trigger;
    });
  }
}

type BaseOf<T extends Trigger> = Omit<Resource, "name"> & Pick<T, "functionId" | "enabled">;

interface ChangeOfTrigger {
  readonly id: string;
  readonly expectedRevision?: number | null;
  readonly function?: string | null;
}

const nameFault = (namespace: string, name: string | null | undefined): Fault | undefined =>
  firstFault(labelFault("namespace", namespace), name == null ? undefined : labelFault("name", name));

const functionFault = ({ function: name }: { readonly function?: string | null }): Fault | undefined =>
  name == null ? undefined : labelFault("function", name);

/** `field` is what another value would help with; none where it is not the input that is at fault. */
function refuseUnsupported(problem: string | undefined, field?: string): void {
  if (problem !== undefined) throw new AppError("BAD_USER_INPUT", `This installation ${problem}.`, { field });
}

async function getTrigger(tx: StoreTransaction, id: string): Promise<Trigger> {
  const trigger = isId(id) ? await tx.triggers.find(id) : undefined;
  if (trigger === undefined) throw notFound("trigger", "id");
  return trigger;
}

async function functionNamed(tx: StoreTransaction, namespace: string, name: string): Promise<string> {
  const fn = await tx.functions.lock({ namespace, name });
  if (fn === undefined) throw notFound("function", "name", "function");
  return fn.id;
}
