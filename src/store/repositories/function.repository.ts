import { IsNull, Not, type DataSource, type EntityManager } from "typeorm";
import type { FunctionSpec, FunctionVersion } from "../../model/function.js";
import type { FunctionFilter, ResourceName } from "../../model/inputs.js";
import type { Page, PageRequest } from "../../model/page.js";
import { isId, isLabel } from "../../model/validate-name.js";
import { FunctionVersionEntity } from "../entities/function-version.entity.js";
import { FunctionEntity } from "../entities/function.entity.js";
import { countsOf, type SqlParameters } from "../table.js";
import { withStore } from "../with-store.js";
import { pagesOfParents } from "./pages-of-parents.js";
import { isNamed, nameOrder, ResourceReads, type Narrowing } from "./resource-reads.js";
import { ResourceWrites } from "./resource-writes.js";

export class FunctionRepository extends ResourceReads<FunctionEntity, FunctionFilter> {
  constructor(dataSource: DataSource) {
    super(dataSource, FunctionEntity, "function");
  }

  async findRecorded({ namespace, name }: ResourceName): Promise<FunctionEntity | undefined> {
    const living = await this.find({ namespace, name });
    if (living !== undefined || !isLabel(namespace) || !isLabel(name)) return living;
    const where = { namespace, name, deletedAt: Not(IsNull()) };
    const latest = { where, order: { deletedAt: "DESC" } } as const;
    return (await withStore(() => this.dataSource.manager.findOne(FunctionEntity, latest))) ?? undefined;
  }

  protected narrow(filter: FunctionFilter, add: SqlParameters["add"]): Narrowing {
    const { namespace, name, environment, search } = filter;
    const names = [["r.namespace", namespace] as const, ["r.name", name] as const, ["e.name", environment] as const];
    const conditions = names.flatMap(([column, value]) => isNamed(column, value, add));
    if (search != null && search !== "") conditions.push(`strpos(r.name, ${add(search.toLowerCase())}) > 0`);
    return { joins: environment == null ? "" : "JOIN environment e ON e.id = r.environment_id", conditions };
  }

  /** One page for each environment, in one statement. */
  async ofEnvironments(ids: readonly string[], page: PageRequest): Promise<Map<string, Page<FunctionEntity>>> {
    return pagesOfParents(
      this.dataSource.manager,
      FunctionEntity,
      { parentIds: ids, page },
      {
        order: nameOrder("function"),
        from: "function r",
        isOfParent: "r.environment_id = parent.id AND r.deleted_at IS NULL",
      },
    );
  }

  async countOfEnvironments(ids: readonly string[]): Promise<Map<string, number>> {
    const sql = `SELECT environment_id AS parent, count(*) FROM function
      WHERE environment_id = ANY($1) AND deleted_at IS NULL GROUP BY environment_id`;
    return withStore(() => countsOf(this.dataSource.manager, sql, ids.filter(isId)));
  }
}

interface EnvironmentUse {
  readonly functions: number;
  readonly withVariables: number;
  readonly entrypoints: readonly string[];
}

export class FunctionWrites extends ResourceWrites<FunctionEntity, FunctionSpec> {
  constructor(db: EntityManager) {
    super(db, { entity: FunctionEntity, called: "a function", nameIndex: "function_name_key" });
  }

  async insert(fn: FunctionSpec, version: FunctionVersion, source: string): Promise<void> {
    await this.insertRow(fn, { lastVersionNumber: version.number });
    await this.insertVersion(version, source);
  }

  async insertVersion(version: FunctionVersion, source: string): Promise<void> {
    await this.db.insert(FunctionVersionEntity, { ...version, source });
  }

  async takeVersionNumber(functionId: string): Promise<number> {
    const sql = `UPDATE function SET last_version_number = last_version_number + 1 WHERE id = $1
      RETURNING last_version_number AS number`;
    const [rows]: [{ number: number }[], number] = await this.db.query(sql, [functionId]);
    const [row] = rows;
    if (row === undefined) throw new TypeError("a version number was asked for a function that is not there");
    return row.number;
  }

  async version(functionId: string, number: number): Promise<{ version: FunctionVersion; source: string } | undefined> {
    return findCode(this.db, functionId, number);
  }

  async useOf(environmentId: string): Promise<EnvironmentUse> {
    const sql = `SELECT count(*)::integer AS functions,
        (count(*) FILTER (WHERE v.variables <> '[]'))::integer AS "withVariables",
        coalesce(array_agg(v.entrypoint) FILTER (WHERE v.entrypoint IS NOT NULL), '{}') AS entrypoints
      FROM function f JOIN function_version v ON v.id = f.current_version_id
      WHERE f.environment_id = $1 AND f.deleted_at IS NULL`;
    const [use]: [EnvironmentUse] = await this.db.query(sql, [environmentId]);
    return use;
  }
}

/** One version with its text. */
export async function findCode(
  db: EntityManager,
  functionId: string,
  number: number,
): Promise<{ version: FunctionVersion; source: string } | undefined> {
  const found = await db
    .createQueryBuilder(FunctionVersionEntity, "v")
    .addSelect("v.source")
    .where("v.functionId = :functionId AND v.number = :number", { functionId, number })
    .getOne();
  if (found === null) return undefined;
  const { source = "", ...version } = found;
  return { version, source };
}
