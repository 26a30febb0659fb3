import type { MigrationInterface, QueryRunner } from "typeorm";

const triggerColumns = (table: string): string => `
  id uuid CONSTRAINT ${table}_pkey PRIMARY KEY,
  namespace text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  revision integer NOT NULL,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  deleted_at timestamptz(3),
  function_id uuid NOT NULL CONSTRAINT ${table}_function_fkey REFERENCES function,
  enabled boolean NOT NULL`;

const indexes = (table: string): string[] => [
  `CREATE UNIQUE INDEX ${table}_name_key ON ${table} (namespace, name) WHERE deleted_at IS NULL`,
  `CREATE INDEX ${table}_function ON ${table} (function_id)`,
];

/** Servers of the version before go on beside it: they know of none of these tables. */
const statements = [
  `CREATE TABLE time_trigger (
    ${triggerColumns("time_trigger")},
    schedule text NOT NULL,
    timezone text NOT NULL,
    on_missed text NOT NULL,
    missed_window_seconds integer NOT NULL,
    overlap text NOT NULL,
    armed_at timestamptz(3) NOT NULL
  )`,
  ...indexes("time_trigger"),

  `CREATE TABLE watch_trigger (
    ${triggerColumns("watch_trigger")},
    api_version text NOT NULL,
    object_kind text NOT NULL,
    watch_namespace text,
    label_selector text,
    field_selector text
  )`,
  ...indexes("watch_trigger"),

  `CREATE TABLE queue_trigger (
    ${triggerColumns("queue_trigger")},
    broker text NOT NULL,
    topic text COLLATE "C" NOT NULL,
    response_topic text COLLATE "C",
    error_topic text COLLATE "C",
    max_attempts integer NOT NULL,
    concurrency integer NOT NULL
  )`,
  ...indexes("queue_trigger"),

  // Without a foreign key, because a trigger may be in any of four tables.
  `CREATE TABLE trigger_status (
    trigger_id uuid CONSTRAINT trigger_status_pkey PRIMARY KEY,
    condition text NOT NULL,
    reason text,
    since timestamptz(3) NOT NULL
  )`,
];

export class Triggers1700000000006 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE trigger_status, queue_trigger, watch_trigger, time_trigger");
  }
}
