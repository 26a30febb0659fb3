import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { newId } from "../lib/new-id.js";
import { firstFault } from "../model/fault.js";
import type { HttpTriggerChange, NewCorsPolicy, NewHttpTrigger, TriggerFilter } from "../model/inputs.js";
import type { Page, PageRequest } from "../model/page.js";
import type { RequestContext } from "../model/request-context.js";
import type { CorsPolicy, HttpTrigger, Trigger } from "../model/trigger.js";
import { isId, labelFault } from "../model/validate-name.js";
import { httpTriggerFault } from "../model/validate-trigger.js";
import { notFound, refuse, refuseStale } from "./refusals.js";
import { revise } from "./revise.js";
import type { Store, StoreTransaction, TriggerReads } from "./store-port.js";
import { firstFreeName, triggerNameBase } from "./trigger-name.js";

export interface TriggerServiceParts {
  readonly store: Store;
  readonly triggers: TriggerReads;
  readonly clock: Clock;
}

/** The rules for triggers. A route (host, path shape, method) belongs to one trigger, disabled or not, of any namespace. */
export class TriggerService {
  constructor(private readonly parts: TriggerServiceParts) {}

  async createHttp(_ctx: RequestContext, input: NewHttpTrigger): Promise<HttpTrigger> {
    const { namespace, name, methods, path, host } = input;
    refuse(
      firstFault(
        labelFault("namespace", namespace),
        name == null ? undefined : labelFault("name", name),
        httpTriggerFault(input),
      ),
    );
    return this.parts.store.write(async (tx) => {
      const functionId = await functionNamed(tx, namespace, input.function);
      const now = this.parts.clock.now();
      const trigger: HttpTrigger = {
        kind: "HTTP",
        id: newId(),
        namespace,
        name: name ?? (await freeName(tx, input)),
        ...{ revision: 1, createdAt: now, updatedAt: now },
        functionId,
        enabled: true,
        ...{ methods: [...methods], path, host: host ?? null },
        cors: corsPolicy(input.cors),
      };
      await refuseTakenRoute(tx, trigger);
      await tx.triggers.insert(trigger);
      await tx.announce("CREATED", { kind: "HttpTrigger", resource: trigger });
      return trigger;
    });
  }

  /** A change that makes no difference leaves the revision as it is. */
  async updateHttp(_ctx: RequestContext, input: HttpTriggerChange): Promise<HttpTrigger> {
    refuse(httpTriggerFault(input));
    return this.#change(input.id, input.expectedRevision, async (tx, current) => ({
      functionId:
        input.function == null ? current.functionId : await functionNamed(tx, current.namespace, input.function),
      methods: input.methods ?? current.methods,
      path: input.path ?? current.path,
      host: input.host === undefined ? current.host : input.host,
      cors: input.cors === undefined ? current.cors : corsPolicy(input.cors),
    }));
  }

  setEnabled(_ctx: RequestContext, id: string, enabled: boolean): Promise<Trigger> {
    return this.#change(id, undefined, () => Promise.resolve({ enabled }));
  }

  async delete(_ctx: RequestContext, id: string): Promise<Trigger> {
    refuseNoId(id);
    return this.parts.store.write(async (tx) => {
      const trigger = await lockTrigger(tx, id);
      await tx.triggers.markDeleted(id, this.parts.clock.now());
      await tx.announce("DELETED", { kind: "HttpTrigger", resource: trigger });
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

  async #change(
    id: string,
    expectedRevision: number | null | undefined,
    changesOf: (tx: StoreTransaction, current: HttpTrigger) => Promise<Partial<HttpTrigger>>,
  ): Promise<HttpTrigger> {
    refuseNoId(id);
    return this.parts.store.write(async (tx) => {
      const current = await lockTrigger(tx, id);
      refuseStale("trigger", current, expectedRevision);
      const trigger = revise(current, await changesOf(tx, current), this.parts.clock.now());
      if (trigger === current) return current;
      await refuseTakenRoute(tx, trigger);
      await tx.triggers.update(trigger);
      await tx.announce("UPDATED", { kind: "HttpTrigger", resource: trigger });
      return trigger;
    });
  }
}

function refuseNoId(id: string): void {
  if (!isId(id)) throw notFound("trigger", "id");
}

async function lockTrigger(tx: StoreTransaction, id: string): Promise<HttpTrigger> {
  const trigger = await tx.triggers.lockById(id);
  if (trigger === undefined) throw notFound("trigger", "id");
  return trigger;
}

async function functionNamed(tx: StoreTransaction, namespace: string, name: string): Promise<string> {
  const fn = await tx.functions.lock({ namespace, name });
  if (fn === undefined) throw notFound("function", "name", "function");
  return fn.id;
}

async function freeName(tx: StoreTransaction, { namespace, methods, path }: NewHttpTrigger): Promise<string> {
  const base = triggerNameBase(methods, path);
  return firstFreeName(base, await tx.triggers.namesLike(namespace, base));
}

async function refuseTakenRoute(tx: StoreTransaction, trigger: HttpTrigger): Promise<void> {
  const owner = await tx.triggers.routeOwner(trigger);
  if (owner === undefined) return;
  throw new AppError(
    "ALREADY_EXISTS",
    `Another trigger takes ${owner.method} requests to this host and path already (its id is ${owner.triggerId}); ` +
      "a route has one trigger, whatever its parameters are called and whether it is enabled or not.",
    { field: "path" },
  );
}

function corsPolicy(input: NewCorsPolicy | null | undefined): CorsPolicy | null {
  if (input == null) return null;
  const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, allowCredentials, maxAgeSeconds } = input;
  return {
    allowOrigins: [...allowOrigins],
    allowMethods: [...(allowMethods ?? [])],
    allowHeaders: [...(allowHeaders ?? [])],
    exposeHeaders: [...(exposeHeaders ?? [])],
    allowCredentials,
    maxAgeSeconds,
  };
}
