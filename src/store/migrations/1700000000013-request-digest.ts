import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * What an idempotency key was used for. Null without a key, and for those that were stored before: what a server of the
 * version before writes beside this is compared with nothing.
 */
export class RequestDigest1700000000013 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE async_invocation ADD COLUMN request_digest text`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE async_invocation DROP COLUMN request_digest`);
  }
}
