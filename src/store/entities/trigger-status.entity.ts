import { Column, Entity, PrimaryColumn } from "typeorm";
import type { TriggerCondition, TriggerStatus } from "../../model/trigger.js";

/** What was said of a trigger last, of whichever kind it is. */
@Entity("trigger_status")
export class TriggerStatusEntity implements TriggerStatus {
  @PrimaryColumn({ name: "trigger_id", type: "uuid" })
  triggerId!: string;

  @Column({ type: "text" })
  condition!: TriggerCondition;

  @Column({ type: "text", nullable: true })
  reason!: string | null;

  @Column({ type: "timestamptz", precision: 3 })
  since!: Date;
}
