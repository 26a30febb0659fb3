import type { EntityManager } from "typeorm";
import type { Page, PageRequest } from "../../model/page.js";
import { isId } from "../../model/validate-name.js";
import { SqlParameters, Table } from "../table.js";
import { withStore } from "../with-store.js";
import { pageOf, pageQuery, type Keyset } from "./record-page.js";

interface Asked {
  readonly parentIds: readonly string[];
  /** The same page of every parent's list. */
  readonly page: PageRequest;
}

interface Children<T> {
  readonly order: Keyset<T>;
  /** The children's table, with the alias `r`. */
  readonly from: string;
  /** The condition that ties `r` to `parent.id`. */
  readonly isOfParent: string;
}

/** One page of children for each parent, all in one statement. Every asked parent is in the map. */
export async function pagesOfParents<T extends object>(
  db: EntityManager,
  entity: new () => T,
  { parentIds, page }: Asked,
  { order, from, isOfParent }: Children<NoInfer<T>>,
): Promise<Map<string, Page<T>>> {
  const ids = [...new Set(parentIds.filter(isId))];
  const parameters = new SqlParameters();
  const parents = parameters.add(ids);
  const { conditions, orderBy, limit } = pageQuery(order, page, parameters.add);
  const table = new Table(db, entity);
  const sql = `SELECT parent.id AS parent_id, child.*
    FROM unnest(${parents}::uuid[]) WITH ORDINALITY AS parent(id, place)
    CROSS JOIN LATERAL (
      SELECT row_number() OVER (${orderBy}) AS child_place, ${table.columns("r")} FROM ${from}
      WHERE ${[isOfParent, ...conditions].join(" AND ")} ${orderBy} ${limit}
    ) child ORDER BY parent.place, child.child_place`;
  const nodes = new Map<string, T[]>(ids.map((id) => [id, []]));
  if (ids.length > 0) {
    const rows: { parent_id: string }[] = await withStore(() => db.query(sql, parameters.values));
    for (const row of rows) nodes.get(row.parent_id)?.push(table.hydrate({ ...row }));
  }
  return new Map([...nodes].map(([id, found]) => [id, pageOf(order, page, found)]));
}
