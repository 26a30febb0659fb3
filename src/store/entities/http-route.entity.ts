import { Column, Entity, ForeignKey, Index, PrimaryColumn } from "typeorm";
import { HttpTriggerEntity } from "./http-trigger.entity.js";

/** One (host, path shape, method) that a living trigger occupies. */
@Entity("http_route")
@Index("http_route_trigger", ["triggerId"])
export class HttpRouteEntity {
  /** Empty is any host. */
  @PrimaryColumn({ type: "text", collation: "C" })
  host!: string;

  @PrimaryColumn({ type: "text", collation: "C" })
  shape!: string;

  @PrimaryColumn({ type: "text", collation: "C" })
  method!: string;

  @Column({ name: "trigger_id", type: "uuid" })
  @ForeignKey(() => HttpTriggerEntity, { name: "http_route_trigger_fkey", onDelete: "CASCADE" })
  triggerId!: string;
}
