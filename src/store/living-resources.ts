import type { EntityManager } from "typeorm";
import type { ResourceKind } from "../model/resource.js";
import { EnvironmentEntity } from "./entities/environment.entity.js";
import { FunctionEntity } from "./entities/function.entity.js";
import { HttpTriggerEntity } from "./entities/http-trigger.entity.js";
import { QueueTriggerEntity } from "./entities/queue-trigger.entity.js";
import { TimeTriggerEntity } from "./entities/time-trigger.entity.js";
import { WatchTriggerEntity } from "./entities/watch-trigger.entity.js";
import { Table } from "./table.js";

const tables = {
  Environment: { entity: EnvironmentEntity, name: "environment" },
  Function: { entity: FunctionEntity, name: "function" },
  HttpTrigger: { entity: HttpTriggerEntity, name: "http_trigger" },
  TimeTrigger: { entity: TimeTriggerEntity, name: "time_trigger" },
  KubernetesWatchTrigger: { entity: WatchTriggerEntity, name: "watch_trigger" },
  QueueTrigger: { entity: QueueTriggerEntity, name: "queue_trigger" },
} as const satisfies Record<ResourceKind, unknown>;

type EntityOf<K extends ResourceKind> = InstanceType<(typeof tables)[K]["entity"]>;

/** With more changes than this, reading everything is no more work. */
const maxChanges = 500;

/**
 * All living resources of some kinds in memory. `catchUp` looks at the outbox for what has changed since and reads just
 * those rows, so a thousand resources cost no more at each change than ten. Not to be called twice at a time, nor after it
 * has failed.
 */
export class LivingResources<K extends ResourceKind> {
  readonly #rows: Map<ResourceKind, Map<string, { readonly id: string }>>;
  #position: string | undefined;

  constructor(private readonly kinds: readonly K[]) {
    this.#rows = new Map(kinds.map((kind) => [kind, new Map<string, { readonly id: string }>()]));
  }

  /** Up to which change all was looked at; undefined before the first reading. */
  get position(): string | undefined {
    return this.#position;
  }

  /** Those of one kind, by id. */
  of<P extends K>(kind: P): ReadonlyMap<string, EntityOf<P>> {
    return this.#mapOf(kind) as Map<string, EntityOf<P>>;
  }

  /** `db` shows one moment (REPEATABLE READ). Resolves to whether anything of these kinds may be different. */
  async catchUp(db: EntityManager): Promise<boolean> {
    const changes = this.#position === undefined ? undefined : await changesSince(db, this.#position);
    if (changes === undefined || changes.length > maxChanges) {
      await this.#readAll(db);
      return true;
    }
    let isChanged = false;
    for (const kind of this.kinds) {
      const ids = changes.filter((change) => change.kind === kind).map(({ id }) => id);
      if (ids.length > 0) await this.#read(db, kind, [...new Set(ids)]);
      isChanged ||= ids.length > 0;
    }
    this.#position = changes.at(-1)?.sequence ?? this.#position;
    return isChanged;
  }

  async #readAll(db: EntityManager): Promise<void> {
    const rows: { head: string }[] = await db.query("SELECT coalesce(max(sequence), 0) AS head FROM change");
    for (const kind of this.kinds) {
      this.#mapOf(kind).clear();
      await this.#read(db, kind);
    }
    this.#position = rows[0]?.head ?? "0";
  }

  /** What is asked for and not found is not living. */
  async #read(db: EntityManager, kind: K, ids?: readonly string[]): Promise<void> {
    const { entity, name } = tables[kind];
    const table = new Table<{ readonly id: string }>(db, entity);
    const only = ids === undefined ? "" : "AND r.id = ANY($1)";
    const sql = `SELECT ${table.columns("r")} FROM ${name} r WHERE r.deleted_at IS NULL ${only}`;
    const rows = await table.rows(sql, ids === undefined ? [] : [ids]);
    const known = this.#mapOf(kind);
    for (const id of ids ?? []) known.delete(id);
    for (const row of rows) known.set(row.id, row);
  }

  #mapOf(kind: K): Map<string, { readonly id: string }> {
    const map = this.#rows.get(kind);
    if (map === undefined) throw new TypeError(`resources of the kind ${kind} are not kept here`);
    return map;
  }
}

interface ChangedRow {
  readonly sequence: string;
  readonly kind: string;
  readonly id: string;
}

const changesSince = (db: EntityManager, position: string): Promise<ChangedRow[]> =>
  db.query(
    `SELECT sequence, kind, resource->>'id' AS id FROM change WHERE sequence > $1 ORDER BY sequence LIMIT ${maxChanges + 1}`,
    [position],
  );
