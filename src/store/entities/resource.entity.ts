import { Column, PrimaryColumn } from "typeorm";
import type { Resource } from "../../model/resource.js";

/** The columns that every resource has. */
export abstract class ResourceEntity implements Resource {
  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ type: "text", collation: "C" })
  namespace!: string;

  @Column({ type: "text", collation: "C" })
  name!: string;

  @Column({ type: "integer" })
  revision!: number;

  @Column({ name: "created_at", type: "timestamptz", precision: 3 })
  createdAt!: Date;

  @Column({ name: "updated_at", type: "timestamptz", precision: 3 })
  updatedAt!: Date;

  /** Set: the resource lives on for its history only. */
  @Column({ name: "deleted_at", type: "timestamptz", precision: 3, nullable: true, select: false })
  deletedAt?: Date | null;
}
