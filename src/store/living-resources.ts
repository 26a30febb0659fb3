import type { EntityManager } from "typeorm";
import { EnvironmentEntity } from "./entities/environment.entity.js";
import { FunctionEntity } from "./entities/function.entity.js";
import { HttpTriggerEntity } from "./entities/http-trigger.entity.js";
import { Table } from "./table.js";

const tables = {
  Environment: { entity: EnvironmentEntity, name: "environment" },
  Function: { entity: FunctionEntity, name: "function" },
  HttpTrigger: { entity: HttpTriggerEntity, name: "http_trigger" },
} as const;

type Kind = keyof typeof tables;
const kinds = Object.keys(tables) as Kind[];

/** With more changes than this, reading everything is no more work. */
const maxChanges = 500;

/**
 * All living resources in memory. `catchUp` looks at the outbox for what has changed since and reads just those rows, so a
 * thousand resources cost no more at each change than ten. Not to be called twice at a time, nor after it has failed.
 */
export class LivingResources {
  readonly environments = new Map<string, EnvironmentEntity>();
  readonly functions = new Map<string, FunctionEntity>();
  readonly triggers = new Map<string, HttpTriggerEntity>();
  #position: string | undefined;

  /** Up to which change all was looked at; undefined before the first reading. */
  get position(): string | undefined {
    return this.#position;
  }

  /** `db` shows one moment (REPEATABLE READ). Resolves to whether anything may be different. */
  async catchUp(db: EntityManager): Promise<boolean> {
    const changes = this.#position === undefined ? undefined : await changesSince(db, this.#position);
    if (changes === undefined || changes.length > maxChanges) {
      await this.#readAll(db);
      return true;
    }
    for (const kind of kinds) {
      const ids = changes.filter((change) => change.kind === kind).map(({ id }) => id);
      if (ids.length > 0) await this.#read(db, kind, [...new Set(ids)]);
    }
    this.#position = changes.at(-1)?.sequence ?? this.#position;
    return changes.length > 0;
  }

  async #readAll(db: EntityManager): Promise<void> {
    const rows: { head: string }[] = await db.query("SELECT coalesce(max(sequence), 0) AS head FROM change");
    for (const kind of kinds) {
      this.#of(kind).clear();
      await this.#read(db, kind);
    }
    this.#position = rows[0]?.head ?? "0";
  }

  /** What is asked for and not found is not living. */
  async #read(db: EntityManager, kind: Kind, ids?: readonly string[]): Promise<void> {
    const { entity, name } = tables[kind];
    const table = new Table<EnvironmentEntity | FunctionEntity | HttpTriggerEntity>(db, entity);
    const only = ids === undefined ? "" : "AND r.id = ANY($1)";
    const sql = `SELECT ${table.columns("r")} FROM ${name} r WHERE r.deleted_at IS NULL ${only}`;
    const rows = await table.rows(sql, ids === undefined ? [] : [ids]);
    const known = this.#of(kind);
    for (const id of ids ?? []) known.delete(id);
    for (const row of rows) known.set(row.id, row);
  }

  #of(kind: Kind): Map<string, EnvironmentEntity | FunctionEntity | HttpTriggerEntity> {
    const maps = { Environment: this.environments, Function: this.functions, HttpTrigger: this.triggers };
    return maps[kind];
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
