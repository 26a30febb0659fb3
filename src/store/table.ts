import type { EntityManager, EntityMetadata } from "typeorm";

/** Turns rows of hand-written SQL into entities: the entity stays the one place that maps columns. */
export class Table<T extends object> {
  readonly #metadata: EntityMetadata;

  constructor(
    private readonly db: EntityManager,
    private readonly entity: new () => T,
  ) {
    this.#metadata = db.dataSource.getMetadata(entity);
  }

  /** The columns that are read unless asked otherwise, for a SELECT. */
  columns(alias: string): string {
    const read = this.#metadata.columns.filter(({ isSelect }) => isSelect);
    return read.map(({ databaseName }) => `${alias}.${databaseName}`).join(", ");
  }

  async rows(sql: string, parameters: readonly unknown[]): Promise<T[]> {
    const rows: Record<string, unknown>[] = await this.db.query(sql, [...parameters]);
    return rows.map((row) => this.hydrate(row));
  }

  async row(sql: string, parameters: readonly unknown[]): Promise<T | undefined> {
    return (await this.rows(sql, parameters))[0];
  }

  hydrate(row: Readonly<Record<string, unknown>>): T {
    const node = new this.entity();
    for (const { databaseName, propertyName } of this.#metadata.columns) {
      if (databaseName in row) Object.assign(node, { [propertyName]: row[databaseName] });
    }
    return node;
  }

  /** Of a row that the database has made JSON of, in which times are texts. */
  hydrateJson(row: Readonly<Record<string, unknown>>): T {
    const read = this.#metadata.columns.filter(({ isSelect }) => isSelect);
    const values = read.map(({ databaseName: name, type }) => {
      const value = row[name];
      return [name, type === "timestamptz" && typeof value === "string" ? new Date(value) : value] as const;
    });
    return this.hydrate(Object.fromEntries(values));
  }
}

/** Collects values while SQL is put together; `add` gives the placeholder. */
export class SqlParameters {
  readonly values: unknown[] = [];

  readonly add = (value: unknown): string => {
    this.values.push(value);
    return `$${this.values.length}`;
  };
}

export async function countOf(db: EntityManager, sql: string, parameters: readonly unknown[]): Promise<number> {
  const rows: { count: string }[] = await db.query(sql, [...parameters]);
  return Number(rows[0]?.count ?? 0);
}

/** Counts by parent, of rows `{ parent, count }`; every asked parent is in the map. */
export async function countsOf(
  db: EntityManager,
  sql: string,
  parents: readonly string[],
): Promise<Map<string, number>> {
  const counts = new Map(parents.map((id) => [id, 0]));
  if (parents.length === 0) return counts;
  const rows: { parent: string; count: string }[] = await db.query(sql, [parents]);
  for (const { parent, count } of rows) counts.set(parent, Number(count));
  return counts;
}
