/**
 * One connection to NATS for all that need it, made when it is first wanted and again for as long as it is. What keeps it
 * from being there is told in words, without credentials.
 */
import { readFileSync } from "node:fs";
import {
  AuthorizationError,
  connect,
  credsAuthenticator,
  type ConnectionOptions,
  type NatsConnection,
} from "@nats-io/transport-node";
import { AppError } from "../../errors/app-error.js";
import { Backoff } from "../../lib/backoff.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import { Seldom } from "../../lib/seldom.js";
import type { Stoppable } from "../../lib/stoppable.js";

export interface NatsOptions {
  /** nats://user:password@host:4222, or tls://; several separated by commas. */
  readonly url: string;
  /** A file as nsc makes them; read anew at each connect. */
  readonly credentialsFile: string | null;
  readonly clock: Clock;
  readonly logger: Logger;
}

const connectWithinMs = 3_000;
const lastWordsMs = 1_000;
/** A server that says nothing for two of these is gone. */
const pingEveryMs = 10_000;

export class NatsLink implements Stoppable {
  readonly #places: string;
  readonly #trouble: Seldom;
  readonly #listeners = new Set<(problem: string | null) => void>();
  readonly #backoff = new Backoff(100, 5_000);
  readonly #stopping = new AbortController();
  #problem: string | null = null;
  #connection: NatsConnection | undefined;
  #connecting: Promise<void> | undefined;
  #waiting: ((connection: NatsConnection) => void)[] = [];

  constructor(private readonly options: NatsOptions) {
    this.#places = placesOf(options.url);
    this.#trouble = new Seldom(options.clock);
  }

  /** Why it can't be reached now, in words; null where it can, or nobody has tried. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Tells what is the matter, now and whenever that changes, until stopped. */
  follow(listener: (problem: string | null) => void): { stop(): void } {
    this.#listeners.add(listener);
    listener(this.#problem);
    return { stop: () => void this.#listeners.delete(listener) };
  }

  /** The connection, when there is one. Rejects with the signal's reason when that aborts before. */
  async ready(signal: AbortSignal): Promise<NatsConnection> {
    signal.throwIfAborted();
    if (this.#connection !== undefined && !this.#connection.isClosed()) return this.#connection;
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason as Error);
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push((connection) => {
        signal.removeEventListener("abort", abort);
        resolve(connection);
      });
      this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    });
  }

  /** The connection if it is there within `ms`. Rejects with CLUSTER_UNAVAILABLE else. */
  async readyWithin(ms: number): Promise<NatsConnection> {
    const deadline = new AbortController();
    const late = (): void =>
      deadline.abort(new AppError("CLUSTER_UNAVAILABLE", this.#problem ?? `NATS at ${this.#places} does not answer.`));
    const timer = this.options.clock.after(ms, late);
    try {
      return await this.ready(deadline.signal);
    } finally {
      timer.stop();
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#connecting;
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined || connection.isClosed()) return;
    // Once the server has read that nobody waits here any more it brings nothing here; a server that is away reads nothing.
    await Promise.race([connection.flush().catch(() => undefined), this.#after(lastWordsMs)]);
    await connection.close();
  }

  async #connect(): Promise<void> {
    const isOver = (): boolean => this.#stopping.signal.aborted;
    while (!isOver()) {
      try {
        const connection = await connect(this.#connectOptions());
        this.#connection = connection;
        // Who has stopped this meanwhile closes it.
        if (isOver()) return;
        this.#backoff.succeed();
        this.#tell(null);
        void this.#watch(connection);
        for (const resolve of this.#waiting.splice(0)) resolve(connection);
        return;
      } catch (error) {
        this.#tell(this.#explain(error));
        await this.#pause();
      }
    }
  }

  /** The client reconnects by itself; what ends for good is begun anew by whoever asks next. */
  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect") this.#tell(this.#explain(undefined));
      if (status.type === "reconnect") this.#tell(null);
      if (status.type === "error") this.#note(status.error);
    }
  }

  #connectOptions(): ConnectionOptions {
    const urls = this.options.url.split(",").map((text) => new URL(text.trim()));
    const { username, password, protocol } = urls[0] as URL;
    const { credentialsFile } = this.options;
    return {
      servers: urls.map(({ host }) => host),
      name: "fermi",
      timeout: connectWithinMs,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 500,
      pingInterval: pingEveryMs,
      ...(username !== "" && { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
      ...(credentialsFile !== null && { authenticator: credsAuthenticator(() => readFileSync(credentialsFile)) }),
      ...(protocol === "tls:" && { tls: {} }),
    };
  }

  #explain(error: unknown): string {
    if (error instanceof AuthorizationError) return `NATS at ${this.#places} refuses the credentials.`;
    const { code } = Object(error) as { code?: unknown };
    if (code === "ENOENT" || code === "EACCES") return "FERMI_NATS_CREDS_FILE can't be read.";
    return `NATS at ${this.#places} can't be reached.`;
  }

  #tell(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (problem === null) this.#trouble.reset();
    else if (this.#trouble.isDue()) this.options.logger.warn({}, problem);
    for (const listener of this.#listeners) listener(problem);
  }

  #note(error: Error): void {
    this.options.logger.warn({ err: error }, "NATS reports an error");
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.options.clock.after(ms, resolve));
  }

  #pause(): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const end = (): void => {
        timer.stop();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = clock.after(this.#backoff.fail(clock.monotonicMs()), end);
      signal.addEventListener("abort", end, { once: true });
    });
  }
}

/** Where it is, for people: without what only Fermi may know. */
export const placesOf = (url: string): string =>
  url
    .split(",")
    .map((text) => new URL(text.trim()).host)
    .join(", ");
