import { createHash } from "node:crypto";
import net from "node:net";
import pg from "pg";

/** By what it shows that a holder lives: the same for all that compete for a lock. */
export interface LockTiming {
  readonly confirmEveryMs: number;
  readonly answerWithinMs: number;
  /**
   * The server ends the session after such a silence, and the lock is free. More than between two confirmations, so that
   * only one who is stopped or cut off is so silent.
   */
  readonly silentMs: number;
}

export const lockTiming: LockTiming = { confirmEveryMs: 2_000, answerWithinMs: 2_000, silentMs: 6_000 };

export interface LockSessionOptions extends Pick<LockTiming, "answerWithinMs" | "silentMs"> {
  readonly url: string;
  readonly name: string;
  /** Who this is, for those who ask who holds the lock; at most 63 bytes are kept. */
  readonly holder: string;
}

export interface LockHolder {
  /** Who it is, for people. */
  readonly name: string;
  /** Changes whenever it says something; null where this user may not see that. */
  readonly lastWord: string | null;
}

/** Tells Fermi's locks from other programs' in the same database: "Ferm". */
const lockClass = 0x4665726d;

/** A connection of its own to Postgres, which can hold one lock for as long as it lives. */
export class LockSession {
  readonly #socket = new net.Socket();
  readonly #client: pg.Client;
  readonly #key: number;
  readonly #lost = new AbortController();

  constructor(private readonly options: LockSessionOptions) {
    this.#key = createHash("sha256").update(options.name).digest().readInt32BE() >>> 1;
    this.#client = new pg.Client({
      connectionString: options.url,
      connectionTimeoutMillis: options.answerWithinMs,
      query_timeout: options.answerWithinMs,
      application_name: options.holder,
      keepAlive: true,
      stream: () => this.#socket,
    });
    this.#client.on("error", () => this.#lost.abort());
    this.#client.on("end", () => this.#lost.abort());
  }

  /** Aborts when the connection is no more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async open(): Promise<void> {
    await this.#client.connect();
    // Of a process that was stopped the operating system keeps the connection: its silence tells.
    await this.#client.query(`SET idle_session_timeout = ${this.options.silentMs}`);
  }

  /** Undefined where the lock is this session's now, else who holds it. */
  async tryLock(): Promise<LockHolder | undefined> {
    const tried = await this.#client.query<{ held: boolean }>("SELECT pg_try_advisory_lock($1, $2) AS held", [
      lockClass,
      this.#key,
    ]);
    if (tried.rows[0]?.held === true) return undefined;
    const { rows } = await this.#client.query<{ name: string; lastWord: string | null }>(
      `SELECT application_name AS name, concat(pid, ' ', state_change) AS "lastWord" FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [lockClass, this.#key],
    );
    return rows[0] ?? { name: "another process", lastWord: null };
  }

  /** Rejects unless the server answers in time. */
  async confirm(): Promise<void> {
    await this.#client.query("SELECT");
  }

  /** Gives the lock up, and ends the connection whether or not that was possible. */
  async close(): Promise<void> {
    try {
      if (!this.lost.aborted) await this.#client.query("SELECT pg_advisory_unlock_all()");
    } catch {
      // The connection's end frees it too.
    }
    this.abandon();
  }

  /** Without a good-bye, for which a server that hangs would keep us waiting. */
  abandon(): void {
    this.#lost.abort();
    this.#socket.destroy();
  }
}
