import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * What was decided of each time trigger last: one row for a trigger, written before its function is called. No due time
 * is decided on twice, because `due_at` only grows.
 */
const statements = [
  `CREATE TABLE timer_run (
    trigger_id uuid CONSTRAINT timer_run_pkey PRIMARY KEY
      CONSTRAINT timer_run_trigger_fkey REFERENCES time_trigger ON DELETE CASCADE,
    due_at timestamptz(3) NOT NULL,
    run_due_at timestamptz(3),
    run_at timestamptz(3),
    over_by timestamptz(3),
    finished_at timestamptz(3)
  ) WITH (fillfactor = 50)`,
];

export class TimerRuns1700000000009 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of statements) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query("DROP TABLE timer_run");
  }
}
