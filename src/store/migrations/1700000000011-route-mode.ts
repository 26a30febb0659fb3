import type { MigrationInterface, QueryRunner } from "typeorm";

/** Servers of the version before go on beside it: their routes answer as they always did. */
export class RouteMode1700000000011 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE http_trigger ADD COLUMN mode text NOT NULL DEFAULT 'SYNC'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE http_trigger DROP COLUMN mode`);
  }
}
