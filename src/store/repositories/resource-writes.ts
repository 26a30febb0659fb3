import { IsNull, type EntityManager, type FindOptionsWhere, type QueryDeepPartialEntity } from "typeorm";
import { AppError } from "../../errors/app-error.js";
import type { ResourceName } from "../../model/inputs.js";
import type { Resource } from "../../model/resource.js";
import { isId, isLabel } from "../../model/validate-name.js";
import type { ResourceEntity } from "../entities/resource.entity.js";
import { violatedConstraint } from "../store-error.js";

/** How a kind of resource is stored, and called in messages. */
export interface StoredKind<T> {
  readonly entity: new () => T;
  /** With its article, such as "an environment". */
  readonly called: string;
  /** The unique index over the names of the living. */
  readonly nameIndex: string;
}

/** What is written in the same way of every kind of resource, inside one transaction. */
export abstract class ResourceWrites<T extends ResourceEntity & M, M extends Resource> {
  constructor(
    protected readonly db: EntityManager,
    private readonly kind: StoredKind<T>,
  ) {}

  async lock({ namespace, name }: ResourceName): Promise<T | undefined> {
    if (!isLabel(namespace) || !isLabel(name)) return undefined;
    return this.#lockWhere({ namespace, name, deletedAt: IsNull() } as FindOptionsWhere<T>);
  }

  async lockById(id: string): Promise<T | undefined> {
    return isId(id) ? this.#lockWhere({ id, deletedAt: IsNull() } as FindOptionsWhere<T>) : undefined;
  }

  async update(resource: M): Promise<void> {
    // What only the model has (a trigger's kind) is no column.
    const names = this.db.dataSource.getMetadata(this.kind.entity).columns.map(({ propertyName }) => propertyName);
    const columns = Object.fromEntries(Object.entries(resource).filter(([name]) => names.includes(name)));
    await this.db.update(this.kind.entity, resource.id, columns as QueryDeepPartialEntity<T>);
  }

  async markDeleted(id: string, at: Date): Promise<void> {
    await this.db.update(this.kind.entity, id, { deletedAt: at } as unknown as QueryDeepPartialEntity<T>);
  }

  protected async insertRow(resource: M, more: Partial<T> = {}): Promise<void> {
    const row = { ...resource, ...more } as unknown as QueryDeepPartialEntity<T>;
    try {
      await this.db.insert(this.kind.entity, row);
    } catch (error) {
      if (violatedConstraint(error) !== this.kind.nameIndex) throw error;
      const message = `There is ${this.kind.called} with this name in this namespace already.`;
      throw new AppError("ALREADY_EXISTS", message, { field: "name" });
    }
  }

  async #lockWhere(where: FindOptionsWhere<T>): Promise<T | undefined> {
    return (await this.db.findOne(this.kind.entity, { where, lock: { mode: "pessimistic_write" } })) ?? undefined;
  }
}
