import { In, type DataSource } from "typeorm";
import type { Page, PageRequest } from "../../model/page.js";
import { isId } from "../../model/validate-name.js";
import { FunctionVersionEntity } from "../entities/function-version.entity.js";
import { countsOf } from "../table.js";
import { withStore } from "../with-store.js";
import { pagesOfParents } from "./pages-of-parents.js";
import type { Keyset } from "./record-page.js";

/** The newest first. */
const newestFirst: Keyset<FunctionVersionEntity> = {
  list: "version, newest first",
  columns: ["r.number"],
  isDescending: true,
  valuesOf: ({ number }) => [number],
  isValid: ([number]) => isVersionNumber(number),
};

const isVersionNumber = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 2 ** 31;

export class FunctionVersionRepository {
  constructor(private readonly dataSource: DataSource) {}

  async ofFunctions(ids: readonly string[], page: PageRequest): Promise<Map<string, Page<FunctionVersionEntity>>> {
    return pagesOfParents(
      this.dataSource.manager,
      FunctionVersionEntity,
      { parentIds: ids, page },
      {
        order: newestFirst,
        from: "function_version r",
        isOfParent: "r.function_id = parent.id",
      },
    );
  }

  async countOfFunctions(ids: readonly string[]): Promise<Map<string, number>> {
    const sql = `SELECT function_id AS parent, count(*) FROM function_version
      WHERE function_id = ANY($1) GROUP BY function_id`;
    return withStore(() => countsOf(this.dataSource.manager, sql, ids.filter(isId)));
  }

  async byIds(ids: readonly string[]): Promise<FunctionVersionEntity[]> {
    const known = ids.filter(isId);
    if (known.length === 0) return [];
    return withStore(() => this.dataSource.manager.findBy(FunctionVersionEntity, { id: In(known) }));
  }

  async byNumber(functionId: string, number: number): Promise<FunctionVersionEntity | undefined> {
    if (!isId(functionId) || !isVersionNumber(number)) return undefined;
    const found = await withStore(() =>
      this.dataSource.manager.findOneBy(FunctionVersionEntity, { functionId, number }),
    );
    return found ?? undefined;
  }

  /** Texts by version id. */
  async sources(ids: readonly string[]): Promise<Map<string, string>> {
    const known = ids.filter(isId);
    if (known.length === 0) return new Map();
    const sql = "SELECT id, source FROM function_version WHERE id = ANY($1)";
    const rows: { id: string; source: string }[] = await withStore(() => this.dataSource.query(sql, [known]));
    return new Map(rows.map(({ id, source }) => [id, source]));
  }
}
