import { Column, Entity, PrimaryColumn } from "typeorm";
import type { ChangeType, ResourceKind } from "../../model/resource.js";

/** A row of the outbox. */
@Entity("change")
export class ChangeEntity {
  @PrimaryColumn({ type: "bigint", generated: "identity", generatedIdentity: "BY DEFAULT" })
  sequence!: string;

  @Column({ type: "timestamptz", precision: 3 })
  at!: Date;

  @Column({ type: "text" })
  kind!: ResourceKind;

  @Column({ type: "text" })
  type!: ChangeType;

  @Column({ type: "text", collation: "C" })
  namespace!: string;

  /** The resource as it was then, its times as text. */
  @Column({ type: "jsonb" })
  resource!: object;
}
