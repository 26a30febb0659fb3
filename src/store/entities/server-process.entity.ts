import { Column, Entity, PrimaryColumn } from "typeorm";

/** What a process has said of itself, and when last. */
@Entity("server_process")
export class ServerProcessEntity {
  @PrimaryColumn({ type: "uuid" })
  id!: string;

  @Column({ name: "seen_at", type: "timestamptz", precision: 3 })
  seenAt!: Date;

  /** Up to which change it has taken up what was changed; null where it takes up none. */
  @Column({ name: "change_seen", type: "bigint", nullable: true })
  changeSeen!: string | null;

  @Column({ type: "jsonb" })
  report!: object;
}
