import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * For the history of one trigger. While it is made nobody can write invocations: servers keep records in memory meanwhile,
 * and asynchronous ones are not taken, nor their ends noted. Partitions of later days get it with their table.
 */
export class InvocationTrigger1700000000012 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX invocation_trigger ON invocation (trigger_id, accepted_at, id) WHERE trigger_id IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX invocation_trigger`);
  }
}
