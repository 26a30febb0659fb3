import { Client } from "undici";
import type { Clock } from "../lib/clock.js";

export interface ConnectionSettings {
  readonly connectTimeoutMs: number;
  /** Idle connections are dropped before the instance would drop them, so that a request rarely meets a closing one. */
  readonly idleMs: number;
  readonly maxResponseHeaderBytes: number;
}

export const defaultConnectionSettings: ConnectionSettings = {
  connectTimeoutMs: 2_000,
  idleMs: 4_000,
  maxResponseHeaderBytes: 64 * 1024,
};

/**
 * The keep-alive connections to one instance: one per request in flight at most, the most recently used first. Whoever
 * holds a slot takes one and gives it back; so their number is bounded by the slots.
 */
export class Connections {
  readonly #origin: string;
  readonly #idle: Client[] = [];
  readonly #all = new Set<Client>();
  #isClosed = false;

  /** `address` is host:port. */
  constructor(
    address: string,
    private readonly settings: ConnectionSettings,
    private readonly clock: Clock,
  ) {
    this.#origin = `http://${address}`;
  }

  take(): Client {
    return this.#idle.pop() ?? this.#open();
  }

  give(client: Client): void {
    if (this.#isClosed) this.#end(client);
    else this.#idle.push(client);
  }

  /** For one whose exchange was broken off: its client would connect again only to find that there is nothing to send. */
  discard(client: Client): void {
    this.#end(client);
  }

  /** Closes idle connections now, and those in use when they are given back or after `graceMs`. */
  close(graceMs: number): void {
    this.#isClosed = true;
    for (const client of this.#idle.splice(0)) this.#end(client);
    if (this.#all.size > 0) this.clock.after(graceMs, () => this.destroy());
  }

  /** Cuts every connection, those in use too. */
  destroy(): void {
    this.#isClosed = true;
    for (const client of this.#all) this.#end(client);
    this.#idle.length = 0;
  }

  #open(): Client {
    const client = new Client(this.#origin, {
      pipelining: 1,
      connectTimeout: this.settings.connectTimeoutMs,
      keepAliveTimeout: this.settings.idleMs,
      maxHeaderSize: this.settings.maxResponseHeaderBytes,
      // Time limits are the function's and are kept by the exchange, in one place for all phases.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#all.add(client);
    return client;
  }

  #end(client: Client): void {
    this.#all.delete(client);
    client.destroy(null, () => {});
  }
}
