import type { MigrationInterface, QueryRunner } from "typeorm";

/** What each running process says of itself, over and over; a row that is not renewed is of one that is no more. */
const tables = [
  `CREATE TABLE server_process (
    id uuid CONSTRAINT server_process_pkey PRIMARY KEY,
    seen_at timestamptz(3) NOT NULL,
    change_seen bigint,
    report jsonb NOT NULL
  ) WITH (fillfactor = 50)`,
];

export class Processes1700000000004 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const sql of tables) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE server_process`);
  }
}
