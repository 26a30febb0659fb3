import type { MigrationInterface, QueryRunner } from "typeorm";

/** What functions were told of a cluster's objects. Without foreign keys: a trigger's rows go when it is no more, later. */
const statements = [
  // One row, of whoever leads: what is written names its term, and is ignored where a later one has begun.
  `CREATE TABLE watch_term (
    only_row boolean CONSTRAINT watch_term_pkey PRIMARY KEY DEFAULT true CHECK (only_row),
    term bigint NOT NULL
  )`,
  `INSERT INTO watch_term (term) VALUES (0)`,
  `CREATE TABLE watch_progress (
    trigger_id uuid CONSTRAINT watch_progress_pkey PRIMARY KEY,
    selection text NOT NULL,
    position text
  ) WITH (fillfactor = 50)`,
  `CREATE TABLE watch_object (
    trigger_id uuid NOT NULL,
    uid text COLLATE "C" NOT NULL,
    is_gone boolean NOT NULL,
    metadata jsonb NOT NULL,
    CONSTRAINT watch_object_pkey PRIMARY KEY (trigger_id, uid)
  ) WITH (fillfactor = 80)`,
];

export class WatchProgress1700000000008 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE watch_object, watch_progress, watch_term");
  }
}
