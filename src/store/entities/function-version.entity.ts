import { Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from "typeorm";
import type { FunctionVersion, Variable } from "../../model/function.js";
import { EnvironmentEntity } from "./environment.entity.js";
import { FunctionEntity } from "./function.entity.js";

@Entity("function_version")
@Unique("function_version_number_key", ["functionId", "number"])
@Index("function_version_environment", ["environmentId"])
export class FunctionVersionEntity implements FunctionVersion {
  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "function_id", type: "uuid" })
  @ForeignKey(() => FunctionEntity, { name: "function_version_function_fkey", onDelete: "CASCADE" })
  functionId!: string;

  @Column({ type: "integer" })
  number!: number;

  @Column({ name: "environment_id", type: "uuid" })
  @ForeignKey(() => EnvironmentEntity, { name: "function_version_environment_fkey" })
  environmentId!: string;

  /** Up to 256 KiB, so it is read only where it is asked for. */
  @Column({ type: "text", select: false })
  source?: string;

  @Column({ type: "text" })
  digest!: string;

  @Column({ name: "size_bytes", type: "integer" })
  sizeBytes!: number;

  @Column({ type: "text", nullable: true })
  entrypoint!: string | null;

  @Column({ type: "jsonb" })
  variables!: readonly Variable[];

  @Column({ name: "created_at", type: "timestamptz", precision: 3 })
  createdAt!: Date;
}
