import { In, IsNull, type DataSource, type FindOptionsWhere } from "typeorm";
import type { ResourceName } from "../../model/inputs.js";
import type { Page, PageRequest } from "../../model/page.js";
import { isId, isLabel } from "../../model/validate-name.js";
import type { ResourceEntity } from "../entities/resource.entity.js";
import { countOf, SqlParameters, Table } from "../table.js";
import { withStore } from "../with-store.js";
import { pageOf, pageQuery, type Keyset } from "./record-page.js";

type Add = SqlParameters["add"];

/** Joins and conditions that narrow a list; the resource's own table is `r`. */
export interface Narrowing {
  readonly joins?: string;
  readonly conditions: readonly string[];
}

/** Every list of resources is in the order of namespace and name, which are unique together among the living. */
export const nameOrder = (tableName: string): Keyset<ResourceEntity> => ({
  list: `${tableName} by name`,
  columns: ["r.namespace", "r.name"],
  isDescending: false,
  valuesOf: ({ namespace, name }) => [namespace, name],
  isValid: (values) => values.every((value) => typeof value === "string" && isLabel(value)),
});

/** What is read in the same way of every kind of resource. */
export abstract class ResourceReads<T extends ResourceEntity, Filter> {
  constructor(
    protected readonly dataSource: DataSource,
    private readonly entity: new () => T,
    private readonly tableName: string,
  ) {}

  protected abstract narrow(filter: Filter, add: Add): Narrowing;

  async find({ namespace, name }: ResourceName): Promise<T | undefined> {
    if (!isLabel(namespace) || !isLabel(name)) return undefined;
    return this.findWhere({ namespace, name, deletedAt: IsNull() } as FindOptionsWhere<T>);
  }

  async findById(id: string): Promise<T | undefined> {
    return isId(id) ? this.findWhere({ id, deletedAt: IsNull() } as FindOptionsWhere<T>) : undefined;
  }

  /** Deleted ones too, in any order. */
  async byIds(ids: readonly string[]): Promise<T[]> {
    const known = ids.filter(isId);
    if (known.length === 0) return [];
    return withStore(() => this.dataSource.manager.findBy(this.entity, { id: In(known) } as FindOptionsWhere<T>));
  }

  async list(filter: Filter, page: PageRequest): Promise<Page<T>> {
    const parameters = new SqlParameters();
    const { from, conditions } = this.#selection(filter, parameters.add);
    const order = nameOrder(this.tableName);
    const { conditions: within, orderBy, limit } = pageQuery(order, page, parameters.add);
    const table = new Table(this.dataSource.manager, this.entity);
    const where = [...conditions, ...within].join(" AND ");
    const sql = `SELECT ${table.columns("r")} FROM ${from} WHERE ${where} ${orderBy} ${limit}`;
    const nodes = await withStore(() => table.rows(sql, parameters.values));
    return pageOf<T>(order, page, nodes);
  }

  async count(filter: Filter): Promise<number> {
    const parameters = new SqlParameters();
    const { from, conditions } = this.#selection(filter, parameters.add);
    const sql = `SELECT count(*) FROM ${from} WHERE ${conditions.join(" AND ")}`;
    return withStore(() => countOf(this.dataSource.manager, sql, parameters.values));
  }

  async findWhere(where: FindOptionsWhere<T>): Promise<T | undefined> {
    return (await withStore(() => this.dataSource.manager.findOneBy(this.entity, where))) ?? undefined;
  }

  #selection(filter: Filter, add: Add): { from: string; conditions: string[] } {
    const { joins = "", conditions } = this.narrow(filter, add);
    return { from: `${this.tableName} r ${joins}`, conditions: ["r.deleted_at IS NULL", ...conditions] };
  }
}

/** A condition that a column is the given name; no name that can't be one is sent to the database. */
export const isNamed = (column: string, name: string | null | undefined, add: Add): string[] =>
  name == null ? [] : [isLabel(name) ? `${column} = ${add(name)}` : "FALSE"];
