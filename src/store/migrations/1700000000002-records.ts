import type { MigrationInterface, QueryRunner } from "typeorm";

const tables = [
  // Ids of the batches that were stored: a batch that is sent again changes nothing.
  `CREATE TABLE record_batch (
    id uuid CONSTRAINT record_batch_pkey PRIMARY KEY,
    stored_at timestamptz(3) NOT NULL DEFAULT now()
  )`,

  // Numbers of both sequences are drawn under an advisory lock that is held until commit: their order is that of commits.
  `CREATE SEQUENCE invocation_seq`,
  `CREATE SEQUENCE log_line_seq`,

  `CREATE TABLE invocation (
    seq bigint NOT NULL,
    id uuid NOT NULL,
    accepted_at timestamptz(3) NOT NULL,
    function_id uuid NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    function_version integer NOT NULL,
    source text NOT NULL,
    trigger_id uuid,
    status text NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    http_status integer,
    error text,
    cold_start boolean NOT NULL,
    duration_ms double precision,
    wait_ms double precision,
    attempts integer NOT NULL,
    request_bytes bigint NOT NULL,
    response_bytes bigint NOT NULL,
    instance text,
    finished_at timestamptz(3),
    CONSTRAINT invocation_pkey PRIMARY KEY (accepted_at, id)
  ) PARTITION BY RANGE (accepted_at)`,
  `CREATE INDEX invocation_id ON invocation (id)`,
  `CREATE INDEX invocation_sequence ON invocation (seq)`,
  `CREATE INDEX invocation_function ON invocation (function_id, accepted_at, id)`,
  `CREATE INDEX invocation_namespace ON invocation (namespace, accepted_at, id)`,
  // Most invocations succeed and come by HTTP: to look for the others must not read those, nor cost them anything.
  `CREATE INDEX invocation_unsuccessful ON invocation (accepted_at, id) WHERE status <> 'SUCCEEDED'`,
  `CREATE INDEX invocation_function_unsuccessful ON invocation (function_id, accepted_at, id) WHERE status <> 'SUCCEEDED'`,
  `CREATE INDEX invocation_source ON invocation (source, accepted_at, id) WHERE source <> 'HTTP'`,
  `CREATE INDEX invocation_function_source ON invocation (function_id, source, accepted_at, id) WHERE source <> 'HTTP'`,
  `CREATE TABLE invocation_default PARTITION OF invocation DEFAULT`,

  `CREATE TABLE log_line (
    seq bigint NOT NULL,
    at timestamptz(3) NOT NULL,
    stream text NOT NULL,
    message text NOT NULL,
    function_id uuid NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    function_version integer,
    invocation_id uuid,
    instance text NOT NULL,
    CONSTRAINT log_line_pkey PRIMARY KEY (seq, at)
  ) PARTITION BY RANGE (at)`,
  `CREATE INDEX log_line_function ON log_line (function_id, seq)`,
  `CREATE INDEX log_line_namespace ON log_line (namespace, seq)`,
  `CREATE INDEX log_line_invocation ON log_line (invocation_id, seq) WHERE invocation_id IS NOT NULL`,
  `CREATE TABLE log_line_default PARTITION OF log_line DEFAULT`,

  // What the lines of a day (UTC) take: a table's files do not shrink when rows are deleted, so they tell nothing.
  `CREATE TABLE log_volume (
    day date CONSTRAINT log_volume_pkey PRIMARY KEY,
    lines bigint NOT NULL,
    bytes bigint NOT NULL
  ) WITH (fillfactor = 50)`,

  // Counts of spans of 10 s, and the same again of whole hours, so that the sum over a week reads little.
  `CREATE TABLE invocation_stats (
    function_id uuid NOT NULL,
    span_seconds integer NOT NULL,
    span_start timestamptz(3) NOT NULL,
    total bigint NOT NULL,
    failed bigint NOT NULL,
    cold_starts bigint NOT NULL,
    histogram integer[] NOT NULL,
    CONSTRAINT invocation_stats_pkey PRIMARY KEY (function_id, span_seconds, span_start)
  ) WITH (fillfactor = 70)`,
  `CREATE INDEX invocation_stats_age ON invocation_stats (span_start)`,
];

export class Records1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const sql of tables) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE invocation_stats, log_volume, log_line, invocation, record_batch`);
    await runner.query(`DROP SEQUENCE invocation_seq, log_line_seq`);
  }
}
