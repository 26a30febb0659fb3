import type { EntityManager } from "typeorm";
import { pathShape } from "../../model/route-path.js";
import type { HttpTrigger } from "../../model/trigger.js";
import { HttpRouteEntity } from "../entities/http-route.entity.js";
import { HttpTriggerEntity } from "../entities/http-trigger.entity.js";
import { ResourceWrites } from "./resource-writes.js";

type RouteOf = Pick<HttpTrigger, "id" | "host" | "path" | "methods">;

/** A trigger and the routes it occupies are written together. */
export class HttpTriggerWrites extends ResourceWrites<HttpTriggerEntity, HttpTrigger> {
  constructor(db: EntityManager) {
    super(db, { entity: HttpTriggerEntity, called: "a route", nameIndex: "http_trigger_name_key" });
  }

  async insert(trigger: HttpTrigger): Promise<void> {
    await this.insertRow(trigger);
    await this.#occupy(trigger);
  }

  override async update(trigger: HttpTrigger): Promise<void> {
    await super.update(trigger);
    await this.#vacate(trigger.id);
    await this.#occupy(trigger);
  }

  override async markDeleted(id: string, at: Date): Promise<void> {
    await super.markDeleted(id, at);
    await this.#vacate(id);
  }

  async routeOwner({ id, host, path, methods }: RouteOf): Promise<{ method: string; triggerId: string } | undefined> {
    const sql = `SELECT method, trigger_id AS "triggerId" FROM http_route
      WHERE host = $1 AND shape = $2 AND method = ANY($3) AND trigger_id <> $4 ORDER BY method LIMIT 1`;
    const rows: { method: string; triggerId: string }[] = await this.db.query(sql, [
      host ?? "",
      pathShape(path),
      methods,
      id,
    ]);
    return rows[0];
  }

  async namesLike(namespace: string, base: string): Promise<string[]> {
    const sql = `SELECT name FROM http_trigger
      WHERE namespace = $1 AND (name = $2 OR starts_with(name, $2 || '-')) AND deleted_at IS NULL`;
    const rows: { name: string }[] = await this.db.query(sql, [namespace, base]);
    return rows.map(({ name }) => name);
  }

  async #occupy({ id, host, path, methods }: RouteOf): Promise<void> {
    const shape = pathShape(path);
    const routes = methods.map((method) => ({ host: host ?? "", shape, method, triggerId: id }));
    await this.db.insert(HttpRouteEntity, routes);
  }

  async #vacate(triggerId: string): Promise<void> {
    await this.db.delete(HttpRouteEntity, { triggerId });
  }
}
