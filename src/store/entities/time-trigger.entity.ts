import { Column, Entity, ForeignKey, Index } from "typeorm";
import type { MissedRunPolicy, OverlapPolicy, TimeTrigger } from "../../model/trigger.js";
import { FunctionEntity } from "./function.entity.js";
import { ResourceEntity } from "./resource.entity.js";

@Entity("time_trigger")
@Index("time_trigger_name_key", ["namespace", "name"], { unique: true, where: "deleted_at IS NULL" })
@Index("time_trigger_function", ["functionId"])
export class TimeTriggerEntity extends ResourceEntity implements TimeTrigger {
  readonly kind = "TIME" as const;

  @Column({ name: "function_id", type: "uuid" })
  @ForeignKey(() => FunctionEntity, { name: "time_trigger_function_fkey" })
  functionId!: string;

  @Column({ type: "boolean" })
  enabled!: boolean;

  @Column({ type: "text" })
  schedule!: string;

  @Column({ type: "text" })
  timezone!: string;

  @Column({ name: "on_missed", type: "text" })
  onMissed!: MissedRunPolicy;

  @Column({ name: "missed_window_seconds", type: "integer" })
  missedWindowSeconds!: number;

  @Column({ type: "text" })
  overlap!: OverlapPolicy;

  @Column({ name: "armed_at", type: "timestamptz", precision: 3 })
  armedAt!: Date;
}
