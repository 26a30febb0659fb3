import type { DataSource, EntityManager } from "typeorm";
import type { Environment } from "../../model/environment.js";
import type { EnvironmentFilter } from "../../model/inputs.js";
import { EnvironmentEntity } from "../entities/environment.entity.js";
import type { SqlParameters } from "../table.js";
import { isNamed, ResourceReads, type Narrowing } from "./resource-reads.js";
import { ResourceWrites } from "./resource-writes.js";

export class EnvironmentRepository extends ResourceReads<EnvironmentEntity, EnvironmentFilter> {
  constructor(dataSource: DataSource) {
    super(dataSource, EnvironmentEntity, "environment");
  }

  protected narrow({ namespace, name }: EnvironmentFilter, add: SqlParameters["add"]): Narrowing {
    return { conditions: [...isNamed("r.namespace", namespace, add), ...isNamed("r.name", name, add)] };
  }
}

export class EnvironmentWrites extends ResourceWrites<EnvironmentEntity, Environment> {
  constructor(db: EntityManager) {
    super(db, { entity: EnvironmentEntity, called: "an environment", nameIndex: "environment_name_key" });
  }

  insert(environment: Environment): Promise<void> {
    return this.insertRow(environment);
  }
}
