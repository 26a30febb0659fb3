import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * For those who run dead invocations again. While it is made no asynchronous invocation can be enqueued, begun or settled:
 * workers try again, callers are told to.
 */
export class DeadInvocations1700000000014 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX async_invocation_dead ON async_invocation (accepted_at, id) WHERE state = 'DEAD'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX async_invocation_dead`);
  }
}
