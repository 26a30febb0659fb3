import "reflect-metadata";
import net from "node:net";
import { AbstractLogger, DataSource } from "typeorm";
import type { Logger } from "../lib/logger.js";
import { silentLogger } from "../lib/logger.js";
import { entities } from "./entities/index.js";
import { migrations } from "./migrations/index.js";

/** For those who pass it on. */
export type { DataSource } from "typeorm";

export interface DataSourceOptions {
  /** postgres://user:password@host:port/database, with `sslmode` and other options of libpq as query parameters. */
  readonly url: string;
  readonly poolSize?: number;
  readonly logger?: Logger;
  /** Marks this process' connections in pg_stat_activity. */
  readonly applicationName?: string;
  /** 0 is none. */
  readonly statementTimeoutMs?: number;
  /** For how long a statement waits for a lock; if not given, for as long as it may take. */
  readonly lockTimeoutMs?: number;
}

/** Beyond these a connection or statement counts as lost, so that a caller has its answer within five seconds. */
const connectTimeoutMs = 3_000;
const defaultStatementTimeoutMs = 4_000;
/** Idle connections are given back before their silence could be mistaken for a lost server. */
const idleTimeoutMs = (statementTimeoutMs: number): number => statementTimeoutMs * (7 / 8);
const silenceTimeoutMs = (statementTimeoutMs: number): number => statementTimeoutMs + 300;

/** A data source that is not connected yet: `initialize()` does that, `destroy()` ends it. */
export function buildDataSource(options: DataSourceOptions): DataSource {
  const { url, poolSize = 20, logger = silentLogger, applicationName = "fermi" } = options;
  const { statementTimeoutMs = defaultStatementTimeoutMs, lockTimeoutMs } = options;
  const dataSource = new DataSource({
    type: "postgres",
    url,
    poolSize,
    applicationName,
    entities,
    migrations,
    migrationsTableName: "migration",
    migrationsTransactionMode: "each",
    synchronize: false,
    installExtensions: false,
    uuidExtension: "pgcrypto",
    logger: new UnheardLogger(),
    // An idle connection that the server ends is an event of the pool; without a listener it would end the process.
    poolErrorHandler: (error: unknown) => {
      // The pool has let go of its connections before the server knows, which may be about to end itself.
      if (dataSource.isInitialized) logger.warn({ err: error }, "a connection to the store was lost");
    },
    extra: {
      ...(statementTimeoutMs > 0 && {
        stream: () => impatientSocket(silenceTimeoutMs(statementTimeoutMs)),
        idleTimeoutMillis: idleTimeoutMs(statementTimeoutMs),
      }),
      connectionTimeoutMillis: connectTimeoutMs,
      statement_timeout: statementTimeoutMs,
      ...(lockTimeoutMs !== undefined && { lock_timeout: lockTimeoutMs }),
      idle_in_transaction_session_timeout: 30_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    },
  });
  return dataSource;
}

/** TypeORM prints each migration that fails on the terminal, whatever its options are; who runs it has the error itself. */
class UnheardLogger extends AbstractLogger {
  protected writeLog(): void {}
}

/**
 * A socket that is broken off after a silence longer than any statement may take. A server that hangs, or a network that
 * swallows packets, says nothing: without this its connections would stay in the pool for many minutes.
 */
function impatientSocket(silenceMs: number): net.Socket {
  const socket = new net.Socket();
  return socket.setTimeout(silenceMs, () => socket.destroy(new Error("connection timeout: no answer")));
}
