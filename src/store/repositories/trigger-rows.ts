/** Triggers of all kinds read as one: four tables, one statement. */
import type { EntityManager } from "typeorm";
import type { TriggerKind } from "../../model/trigger.js";
import { HttpTriggerEntity } from "../entities/http-trigger.entity.js";
import { QueueTriggerEntity } from "../entities/queue-trigger.entity.js";
import { TimeTriggerEntity } from "../entities/time-trigger.entity.js";
import { WatchTriggerEntity } from "../entities/watch-trigger.entity.js";
import { Table } from "../table.js";

export type StoredTrigger = HttpTriggerEntity | TimeTriggerEntity | WatchTriggerEntity | QueueTriggerEntity;

export const triggerTables: Readonly<
  Record<TriggerKind, { readonly entity: new () => StoredTrigger; readonly name: string }>
> = {
  HTTP: { entity: HttpTriggerEntity, name: "http_trigger" },
  TIME: { entity: TimeTriggerEntity, name: "time_trigger" },
  KUBERNETES_WATCH: { entity: WatchTriggerEntity, name: "watch_trigger" },
  QUEUE: { entity: QueueTriggerEntity, name: "queue_trigger" },
};

export const triggerTableNames = Object.values(triggerTables).map(({ name }) => name);

const kinds = Object.keys(triggerTables) as TriggerKind[];

/** What lists are ordered and narrowed by, of all kinds; deleted ones too. For FROM. */
export const triggerKeys = `(${kinds
  .map(
    (kind) => `SELECT '${kind}'::text COLLATE "C" AS kind, id, namespace, name, function_id, deleted_at
      FROM ${triggerTables[kind].name}`,
  )
  .join(" UNION ALL ")})`;

const wholeRow = `CASE r.kind ${kinds
  .map((kind) => `WHEN '${kind}' THEN (SELECT to_jsonb(t) FROM ${triggerTables[kind].name} t WHERE t.id = r.id)`)
  .join(" ")} END`;

interface KeyedRow {
  readonly kind: TriggerKind;
  readonly whole: Readonly<Record<string, unknown>>;
}

/** The triggers that a SELECT of `kind` and `id` finds, in its order. */
export async function readTriggers(
  db: EntityManager,
  keys: string,
  parameters: readonly unknown[],
): Promise<StoredTrigger[]> {
  const sql = `SELECT r.kind, ${wholeRow} AS whole FROM (${keys}) r`;
  const rows: KeyedRow[] = await db.query(sql, [...parameters]);
  return rows.map(({ kind, whole }) => new Table(db, triggerTables[kind].entity).hydrateJson(whole));
}

export const livingTriggersOf = `SELECT kind, id FROM ${triggerKeys} k
  WHERE k.function_id = ANY($1) AND k.deleted_at IS NULL ORDER BY k.name, k.kind`;
