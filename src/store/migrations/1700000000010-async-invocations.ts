import type { MigrationInterface, QueryRunner } from "typeorm";

/** Servers of the version before go on beside it: they neither read nor write any of this. */
const statements = [
  // What is known of it in `invocation` is what everybody may see; here is what it takes to run it, and what came of it.
  `CREATE TABLE async_invocation (
    id uuid CONSTRAINT async_invocation_pkey PRIMARY KEY,
    namespace text COLLATE "C" NOT NULL,
    function_id uuid NOT NULL,
    version integer,
    source text NOT NULL,
    trigger_id uuid,
    method text NOT NULL,
    target text NOT NULL,
    headers jsonb NOT NULL,
    route jsonb,
    body bytea NOT NULL,
    accepted_at timestamptz(3) NOT NULL,
    state text NOT NULL,
    available_at timestamptz NOT NULL,
    patience_until timestamptz NOT NULL,
    lease_until timestamptz,
    epoch integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    attempts_before integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL,
    idempotency_key text,
    status_token text NOT NULL,
    on_success jsonb,
    on_failure jsonb,
    depth integer NOT NULL DEFAULT 0,
    finished_at timestamptz(3),
    result jsonb,
    result_body bytea
  )`,
  // Looked for by function, so that one with a long queue is no hindrance to another.
  `CREATE INDEX async_invocation_due ON async_invocation (function_id, available_at, id) WHERE state = 'QUEUED'`,
  `CREATE INDEX async_invocation_leased ON async_invocation (lease_until) WHERE state = 'RUNNING'`,
  `CREATE INDEX async_invocation_finished ON async_invocation (finished_at) WHERE finished_at IS NOT NULL`,
  `CREATE UNIQUE INDEX async_invocation_key ON async_invocation (function_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL`,
];

export class AsyncInvocations1700000000010 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const sql of statements) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE async_invocation`);
  }
}
