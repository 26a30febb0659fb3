import type { DataSource } from "typeorm";
import type { Clock } from "../../../src/lib/clock.js";
import { systemClock } from "../../../src/lib/clock.js";
import { newId } from "../../../src/lib/new-id.js";
import type { Invocation } from "../../../src/model/invocation.js";
import type { NewLogLine } from "../../../src/model/log-line.js";
import { buildDataSource } from "../../../src/store/data-source.js";
import { testDatabase } from "../../support/test-database.js";

export interface RecordDatabase {
  readonly url: string;
  readonly dataSource: DataSource;
  close(): Promise<void>;
}

/** A database of the test's own, connected. */
export async function recordDatabase(): Promise<RecordDatabase> {
  const database = await testDatabase();
  const dataSource = await buildDataSource({ url: database.url }).initialize();
  const close = async (): Promise<void> => {
    await dataSource.destroy();
    await database.drop();
  };
  return { url: database.url, dataSource, close };
}

/** A function's row, which log lines take their namespace from. */
export async function insertFunction(dataSource: DataSource, namespace = "default"): Promise<string> {
  const [environmentId, functionId, versionId] = [newId(), newId(), newId()];
  const resource = "namespace, name, revision, created_at, updated_at";
  await dataSource.transaction(async (manager) => {
    await manager.query(
      `INSERT INTO environment (id, ${resource}, image, contract, pool_size, resources, grace_period_seconds)
       VALUES ($1, $2, $3, 1, now(), now(), 'fermi/nodejs', 'FERMI', 1, '{}', 30)`,
      [environmentId, namespace, `e-${environmentId}`],
    );
    await manager.query(
      `INSERT INTO function (id, ${resource}, environment_id, current_version_id, current_version_number,
         last_version_number, settings) VALUES ($1, $2, $3, 1, now(), now(), $4, $5, 1, 1, '{}')`,
      [functionId, namespace, `f-${functionId}`, environmentId, versionId],
    );
    await manager.query(
      `INSERT INTO function_version (id, function_id, number, environment_id, source, digest, size_bytes, variables,
         created_at) VALUES ($1, $2, 1, $3, '', '', 0, '[]', now())`,
      [versionId, functionId, environmentId],
    );
  });
  return functionId;
}

/** What an asynchronous invocation has beside its record. */
export async function insertAsyncInvocation(
  dataSource: DataSource,
  { id, functionId, source, method, path, acceptedAt, status }: Invocation,
): Promise<void> {
  await dataSource.query(
    `INSERT INTO async_invocation (id, namespace, function_id, source, method, target, headers, body, accepted_at, state,
       available_at, patience_until, max_attempts, status_token, finished_at)
     VALUES ($1, 'default', $2, $3, $4, $5, '[]', '', $6, $7, now(), now(), 3, '', now())`,
    [id, functionId, source, method, path, acceptedAt, status],
  );
}

export function invocation(fields: Partial<Invocation> = {}): Invocation {
  const acceptedAt = fields.acceptedAt ?? new Date();
  return {
    id: newId(),
    functionId: newId(),
    functionVersion: 1,
    source: "HTTP",
    triggerId: null,
    status: "SUCCEEDED",
    method: "GET",
    path: "/hello",
    httpStatus: 200,
    error: null,
    coldStart: false,
    durationMs: 12.5,
    waitMs: 0.5,
    attempts: 1,
    requestBytes: 3,
    responseBytes: 5,
    instance: "nodejs-1",
    acceptedAt,
    finishedAt: new Date(acceptedAt.getTime() + 13),
    ...fields,
  };
}

export function logLine(fields: Partial<NewLogLine> & Pick<NewLogLine, "functionId">): NewLogLine {
  return {
    at: new Date(),
    stream: "STDOUT",
    message: "a line",
    functionVersion: 1,
    invocationId: null,
    instance: "nodejs-1",
    ...fields,
  };
}

/** A clock that stands until it is moved; `advance` runs what falls due, in order. */
export class ManualClock implements Clock {
  #elapsedMs = 0;
  #tasks: { dueMs: number; task: () => void }[] = [];

  constructor(private readonly startedAt = new Date()) {}

  now(): Date {
    return new Date(this.startedAt.getTime() + this.#elapsedMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(ms: number, task: () => void): { stop(): void } {
    const entry = { dueMs: this.#elapsedMs + ms, task };
    this.#tasks.push(entry);
    return { stop: () => (this.#tasks = this.#tasks.filter((other) => other !== entry)) };
  }

  /** Tasks that wait. */
  get pending(): number {
    return this.#tasks.length;
  }

  advance(ms: number): void {
    const untilMs = this.#elapsedMs + ms;
    for (;;) {
      const [next] = this.#tasks.filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.#tasks = this.#tasks.filter((other) => other !== next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      next.task();
    }
    this.#elapsedMs = untilMs;
  }
}

/** Resolves when `holds` does; rejects after ten seconds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 10_000;
  while (!(await holds())) {
    if (systemClock.monotonicMs() > deadlineMs) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
