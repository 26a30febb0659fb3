import type { MigrationInterface, QueryRunner } from "typeorm";

/** Servers of the version before go on beside it: what they do not know of stays null. */
export class PodTemplate1700000000005 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE environment ADD COLUMN pod_template jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE environment DROP COLUMN pod_template`);
  }
}
