import type { DataSource } from "typeorm";
import type { TriggerFilter } from "../../model/inputs.js";
import type { Page, PageRequest } from "../../model/page.js";
import { triggerKinds } from "../../model/trigger.js";
import { isId, isLabel } from "../../model/validate-name.js";
import { countOf, SqlParameters } from "../table.js";
import { withStore } from "../with-store.js";
import { pageOf, pageQuery, type Keyset } from "./record-page.js";
import { isNamed } from "./resource-reads.js";
import { livingTriggersOf, readTriggers, triggerKeys, type StoredTrigger } from "./trigger-rows.js";

/** Names are unique among the triggers of one kind only. */
const order: Keyset<StoredTrigger> = {
  list: "trigger by name",
  columns: ["k.namespace", "k.name", "k.kind", "k.id"],
  isDescending: false,
  valuesOf: ({ namespace, name, kind, id }) => [namespace, name, kind, id],
  isValid: ([namespace, name, kind, id]) =>
    [namespace, name].every((value) => typeof value === "string" && isLabel(value)) &&
    triggerKinds.some((known) => known === kind) &&
    typeof id === "string" &&
    isId(id),
};

/** Reads triggers, of whichever kind. */
export class TriggerRepository {
  constructor(private readonly dataSource: DataSource) {}

  async findById(id: string): Promise<StoredTrigger | undefined> {
    if (!isId(id)) return undefined;
    return (
      await this.#read(`SELECT kind, id FROM ${triggerKeys} k WHERE k.id = $1 AND k.deleted_at IS NULL`, [id])
    )[0];
  }

  /** Deleted ones too, in any order. */
  async byIds(ids: readonly string[]): Promise<StoredTrigger[]> {
    const known = ids.filter(isId);
    if (known.length === 0) return [];
    return this.#read(`SELECT kind, id FROM ${triggerKeys} k WHERE k.id = ANY($1)`, [known]);
  }

  /** The living triggers of the functions, each function's in the order of names. */
  async ofFunctions(functionIds: readonly string[]): Promise<StoredTrigger[]> {
    const ids = functionIds.filter(isId);
    return ids.length === 0 ? [] : this.#read(livingTriggersOf, [ids]);
  }

  async list(filter: TriggerFilter, page: PageRequest): Promise<Page<StoredTrigger>> {
    const parameters = new SqlParameters();
    const { from, conditions } = selection(filter, parameters.add);
    const { conditions: within, orderBy, limit } = pageQuery(order, page, parameters.add);
    const where = [...conditions, ...within].join(" AND ");
    const keys = `SELECT k.kind, k.id FROM ${from} WHERE ${where} ${orderBy} ${limit}`;
    return pageOf(order, page, await this.#read(keys, parameters.values));
  }

  async count(filter: TriggerFilter): Promise<number> {
    const parameters = new SqlParameters();
    const { from, conditions } = selection(filter, parameters.add);
    const sql = `SELECT count(*) FROM ${from} WHERE ${conditions.join(" AND ")}`;
    return withStore(() => countOf(this.dataSource.manager, sql, parameters.values));
  }

  #read(keys: string, parameters: readonly unknown[]): Promise<StoredTrigger[]> {
    return withStore(() => readTriggers(this.dataSource.manager, keys, parameters));
  }
}

function selection(
  { namespace, function: name, kind }: TriggerFilter,
  add: SqlParameters["add"],
): { from: string; conditions: string[] } {
  const conditions = [
    "k.deleted_at IS NULL",
    ...isNamed("k.namespace", namespace, add),
    ...isNamed("f.name", name, add),
  ];
  if (kind != null) conditions.push(`k.kind = ${add(kind)}`);
  const joins = name == null ? "" : "JOIN function f ON f.id = k.function_id";
  return { from: `${triggerKeys} k ${joins}`, conditions };
}
