import type { EntityManager } from "typeorm";
import type { HttpTrigger, KubernetesWatchTrigger, QueueTrigger, TimeTrigger, Trigger } from "../../model/trigger.js";
import { isId } from "../../model/validate-name.js";
import { QueueTriggerEntity } from "../entities/queue-trigger.entity.js";
import type { ResourceEntity } from "../entities/resource.entity.js";
import { TimeTriggerEntity } from "../entities/time-trigger.entity.js";
import { TriggerStatusEntity } from "../entities/trigger-status.entity.js";
import { WatchTriggerEntity } from "../entities/watch-trigger.entity.js";
import { HttpTriggerWrites } from "./http-trigger-writes.js";
import { ResourceWrites } from "./resource-writes.js";
import { livingTriggersOf, readTriggers, triggerKeys } from "./trigger-rows.js";

/** Of kinds that are a row and nothing else. */
class TriggerRowWrites<T extends ResourceEntity & M, M extends Trigger> extends ResourceWrites<T, M> {
  insert(trigger: M): Promise<void> {
    return this.insertRow(trigger);
  }
}

interface WritesOf<M> {
  insert(trigger: M): Promise<void>;
  update(trigger: M): Promise<void>;
  markDeleted(id: string, at: Date): Promise<void>;
}

/** Writes triggers, each into the table of its kind. */
export class TriggerWrites {
  readonly #http: HttpTriggerWrites;
  readonly #writes: {
    readonly HTTP: WritesOf<HttpTrigger>;
    readonly TIME: WritesOf<TimeTrigger>;
    readonly KUBERNETES_WATCH: WritesOf<KubernetesWatchTrigger>;
    readonly QUEUE: WritesOf<QueueTrigger>;
  };

  constructor(private readonly db: EntityManager) {
    const called = "a trigger of this kind";
    this.#http = new HttpTriggerWrites(db);
    this.#writes = {
      HTTP: this.#http,
      TIME: new TriggerRowWrites(db, { entity: TimeTriggerEntity, called, nameIndex: "time_trigger_name_key" }),
      KUBERNETES_WATCH: new TriggerRowWrites(db, {
        entity: WatchTriggerEntity,
        called,
        nameIndex: "watch_trigger_name_key",
      }),
      QUEUE: new TriggerRowWrites(db, { entity: QueueTriggerEntity, called, nameIndex: "queue_trigger_name_key" }),
    };
  }

  /** Not locked: writes of resources are one after another anyway. */
  async find(id: string): Promise<Trigger | undefined> {
    if (!isId(id)) return undefined;
    const keys = `SELECT kind, id FROM ${triggerKeys} k WHERE k.id = $1 AND k.deleted_at IS NULL`;
    return (await readTriggers(this.db, keys, [id]))[0];
  }

  ofFunction(functionId: string): Promise<Trigger[]> {
    return readTriggers(this.db, livingTriggersOf, [[functionId]]);
  }

  insert(trigger: Trigger): Promise<void> {
    return this.#of(trigger).insert(trigger);
  }

  /** What was said of one that is switched off is over: when it is on again, that begins anew. */
  async update(trigger: Trigger): Promise<void> {
    await this.#of(trigger).update(trigger);
    if (!trigger.enabled) await this.db.delete(TriggerStatusEntity, { triggerId: trigger.id });
  }

  markDeleted(trigger: Trigger, at: Date): Promise<void> {
    return this.#of(trigger).markDeleted(trigger.id, at);
  }

  routeOwner(
    route: Pick<HttpTrigger, "id" | "host" | "path" | "methods">,
  ): ReturnType<HttpTriggerWrites["routeOwner"]> {
    return this.#http.routeOwner(route);
  }

  routeNamesLike(namespace: string, base: string): Promise<string[]> {
    return this.#http.namesLike(namespace, base);
  }

  #of({ kind }: Trigger): WritesOf<Trigger> {
    return this.#writes[kind];
  }
}
