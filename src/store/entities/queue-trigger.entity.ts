import { Column, Entity, ForeignKey, Index } from "typeorm";
import type { QueueBroker, QueueTrigger } from "../../model/trigger.js";
import { FunctionEntity } from "./function.entity.js";
import { ResourceEntity } from "./resource.entity.js";

@Entity("queue_trigger")
@Index("queue_trigger_name_key", ["namespace", "name"], { unique: true, where: "deleted_at IS NULL" })
@Index("queue_trigger_function", ["functionId"])
@Index("queue_trigger_topic", ["namespace", "topic"], { where: "deleted_at IS NULL" })
export class QueueTriggerEntity extends ResourceEntity implements QueueTrigger {
  readonly kind = "QUEUE" as const;

  @Column({ name: "function_id", type: "uuid" })
  @ForeignKey(() => FunctionEntity, { name: "queue_trigger_function_fkey" })
  functionId!: string;

  @Column({ type: "boolean" })
  enabled!: boolean;

  @Column({ type: "text" })
  broker!: QueueBroker;

  @Column({ type: "text", collation: "C" })
  topic!: string;

  @Column({ name: "response_topic", type: "text", collation: "C", nullable: true })
  responseTopic!: string | null;

  @Column({ name: "error_topic", type: "text", collation: "C", nullable: true })
  errorTopic!: string | null;

  @Column({ name: "max_attempts", type: "integer" })
  maxAttempts!: number;

  @Column({ type: "integer" })
  concurrency!: number;
}
