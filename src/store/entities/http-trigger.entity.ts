import { Column, Entity, ForeignKey, Index } from "typeorm";
import type { CorsPolicy, HttpTrigger, RouteMode } from "../../model/trigger.js";
import { FunctionEntity } from "./function.entity.js";
import { ResourceEntity } from "./resource.entity.js";

@Entity("http_trigger")
@Index("http_trigger_name_key", ["namespace", "name"], { unique: true, where: "deleted_at IS NULL" })
@Index("http_trigger_function", ["functionId"])
export class HttpTriggerEntity extends ResourceEntity implements HttpTrigger {
  readonly kind = "HTTP" as const;

  @Column({ name: "function_id", type: "uuid" })
  @ForeignKey(() => FunctionEntity, { name: "http_trigger_function_fkey" })
  functionId!: string;

  @Column({ type: "boolean" })
  enabled!: boolean;

  @Column({ type: "text", array: true })
  methods!: string[];

  @Column({ type: "text" })
  path!: string;

  @Column({ type: "text", nullable: true })
  host!: string | null;

  @Column({ type: "jsonb", nullable: true })
  cors!: CorsPolicy | null;

  @Column({ type: "text", default: "SYNC" })
  mode!: RouteMode;
}
