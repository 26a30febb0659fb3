import { Column, Entity, ForeignKey, PrimaryColumn } from "typeorm";
import { TimeTriggerEntity } from "./time-trigger.entity.js";

/** What was decided of a time trigger last. */
@Entity("timer_run")
export class TimerRunEntity {
  @PrimaryColumn({ name: "trigger_id", type: "uuid" })
  @ForeignKey(() => TimeTriggerEntity, { name: "timer_run_trigger_fkey", onDelete: "CASCADE" })
  triggerId!: string;

  /** The last due time that was decided on, be it that the function was called or that it was left out. */
  @Column({ name: "due_at", type: "timestamptz", precision: 3 })
  dueAt!: Date;

  /** The due time for which the function was called last. */
  @Column({ name: "run_due_at", type: "timestamptz", precision: 3, nullable: true })
  runDueAt!: Date | null;

  @Column({ name: "run_at", type: "timestamptz", precision: 3, nullable: true })
  runAt!: Date | null;

  /** When that run is over, whatever has become of who began it. */
  @Column({ name: "over_by", type: "timestamptz", precision: 3, nullable: true })
  overBy!: Date | null;

  @Column({ name: "finished_at", type: "timestamptz", precision: 3, nullable: true })
  finishedAt!: Date | null;
}
