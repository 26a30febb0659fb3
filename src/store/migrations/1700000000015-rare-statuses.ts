import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * For those who look for the few that were called off, say, among millions that failed. While it is made nobody can write
 * invocations: servers keep records in memory meanwhile, and asynchronous ones are not taken, nor their ends noted.
 * Partitions of later days get it with their table.
 */
export class RareStatuses1700000000015 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX invocation_rare_status ON invocation (status, accepted_at, id)
        WHERE status NOT IN ('SUCCEEDED', 'FAILED')`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX invocation_rare_status`);
  }
}
