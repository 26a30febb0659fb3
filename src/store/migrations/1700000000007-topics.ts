import type { MigrationInterface, QueryRunner } from "typeorm";

/** Servers of the version before go on beside it: they know of none of these tables. */
const statements = [
  `CREATE TABLE topic_message (
    seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT topic_message_pkey PRIMARY KEY,
    id uuid NOT NULL CONSTRAINT topic_message_id_key UNIQUE,
    namespace text COLLATE "C" NOT NULL,
    topic text COLLATE "C" NOT NULL,
    key text COLLATE "C",
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    size_bytes integer NOT NULL,
    published_at timestamptz(3) NOT NULL
  )`,
  `CREATE INDEX topic_message_topic ON topic_message (namespace, topic, seq)`,
  `CREATE INDEX topic_message_published ON topic_message (published_at)`,

  // What may be handled at a time: the messages of one key of one trigger, or one message without a key. Whoever works on
  // it holds its lease, and proves that with its epoch.
  `CREATE TABLE topic_lane (
    trigger_id uuid NOT NULL,
    lane text COLLATE "C" NOT NULL,
    pending integer NOT NULL,
    epoch bigint NOT NULL,
    available_at timestamptz NOT NULL,
    leased_until timestamptz,
    CONSTRAINT topic_lane_pkey PRIMARY KEY (trigger_id, lane)
  )`,
  `CREATE INDEX topic_lane_available ON topic_lane (trigger_id, available_at)`,
  `CREATE INDEX topic_lane_leased ON topic_lane (trigger_id, leased_until) WHERE leased_until IS NOT NULL`,
  // Never repeats, so that the epoch of a lane that is gone is not that of the next one of its name.
  `CREATE SEQUENCE topic_epoch`,

  // What a trigger has not dealt with yet.
  `CREATE TABLE topic_delivery (
    trigger_id uuid NOT NULL,
    lane text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    attempts integer NOT NULL,
    CONSTRAINT topic_delivery_pkey PRIMARY KEY (trigger_id, lane, seq)
  )`,
  `CREATE INDEX topic_delivery_message ON topic_delivery (seq)`,

  // One row, written by whoever measures.
  `CREATE TABLE topic_room (
    is_only_row boolean CONSTRAINT topic_room_pkey PRIMARY KEY,
    is_full boolean NOT NULL,
    size_bytes bigint NOT NULL,
    measured_at timestamptz(3) NOT NULL,
    CONSTRAINT topic_room_only_row_check CHECK (is_only_row)
  )`,

  `CREATE INDEX queue_trigger_topic ON queue_trigger (namespace, topic) WHERE deleted_at IS NULL`,
];

export class Topics1700000000007 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP INDEX queue_trigger_topic");
    await runner.query("DROP TABLE topic_room, topic_delivery, topic_lane, topic_message");
    await runner.query("DROP SEQUENCE topic_epoch");
  }
}
