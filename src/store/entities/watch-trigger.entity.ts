import { Column, Entity, ForeignKey, Index } from "typeorm";
import type { KubernetesWatchTrigger } from "../../model/trigger.js";
import { FunctionEntity } from "./function.entity.js";
import { ResourceEntity } from "./resource.entity.js";

@Entity("watch_trigger")
@Index("watch_trigger_name_key", ["namespace", "name"], { unique: true, where: "deleted_at IS NULL" })
@Index("watch_trigger_function", ["functionId"])
export class WatchTriggerEntity extends ResourceEntity implements KubernetesWatchTrigger {
  readonly kind = "KUBERNETES_WATCH" as const;

  @Column({ name: "function_id", type: "uuid" })
  @ForeignKey(() => FunctionEntity, { name: "watch_trigger_function_fkey" })
  functionId!: string;

  @Column({ type: "boolean" })
  enabled!: boolean;

  @Column({ name: "api_version", type: "text" })
  apiVersion!: string;

  @Column({ name: "object_kind", type: "text" })
  objectKind!: string;

  @Column({ name: "watch_namespace", type: "text", nullable: true })
  watchNamespace!: string | null;

  @Column({ name: "label_selector", type: "text", nullable: true })
  labelSelector!: string | null;

  @Column({ name: "field_selector", type: "text", nullable: true })
  fieldSelector!: string | null;
}
