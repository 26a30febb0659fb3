import { Column, Entity, ForeignKey, Index } from "typeorm";
import type { FunctionSpec, RunSettings } from "../../model/function.js";
import { EnvironmentEntity } from "./environment.entity.js";
import { ResourceEntity } from "./resource.entity.js";

@Entity("function")
@Index("function_name_key", ["namespace", "name"], { unique: true, where: "deleted_at IS NULL" })
@Index("function_environment", ["environmentId", "name"], { where: "deleted_at IS NULL" })
export class FunctionEntity extends ResourceEntity implements FunctionSpec {
  @Column({ name: "environment_id", type: "uuid" })
  @ForeignKey(() => EnvironmentEntity, { name: "function_environment_fkey" })
  environmentId!: string;

  @Column({ name: "current_version_id", type: "uuid" })
  // By name: the two tables refer to each other, and modules must not.
  @ForeignKey("function_version", {
    name: "function_current_version_fkey",
    deferrable: "INITIALLY DEFERRED",
  })
  currentVersionId!: string;

  @Column({ name: "current_version_number", type: "integer" })
  currentVersionNumber!: number;

  /** Numbers are never used twice: after a rollback the next version goes on from here. */
  @Column({ name: "last_version_number", type: "integer", select: false })
  lastVersionNumber?: number;

  @Column({ type: "jsonb" })
  settings!: RunSettings;
}
