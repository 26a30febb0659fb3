import { buildConnector, Client } from "undici";
import type { Clock } from "../lib/clock.js";
import { DialledAhead } from "./dialled-ahead.js";

export interface ConnectionSettings {
  /** Its time limit included. */
  readonly dial: buildConnector.connector;
  /** Idle connections are dropped before the instance would drop them, so that a request rarely meets a closing one. */
  readonly idleMs: number;
  readonly maxResponseHeaderBytes: number;
}

export const connectTimeoutMs = 2_000;

export const defaultConnectionSettings: ConnectionSettings = {
  dial: buildConnector({ timeout: connectTimeoutMs }),
  idleMs: 4_000,
  maxResponseHeaderBytes: 64 * 1024,
};

/**
 * The keep-alive connections to one instance: one per request in flight at most, the most recently used first. Whoever
 * holds a slot takes one and gives it back; so their number is bounded by the slots.
 */
export class Connections {
  readonly #origin: URL;
  readonly #idle: Client[] = [];
  readonly #all = new Set<Client>();
  readonly #ahead: DialledAhead[] = [];
  #isClosed = false;

  /** `address` is host:port. */
  constructor(
    address: string,
    private readonly settings: ConnectionSettings,
    private readonly clock: Clock,
  ) {
    this.#origin = new URL(`http://${address}`);
  }

  take(): Client {
    return this.#idle.pop() ?? this.#open();
  }

  /** Opens as many, for requests that are about to come. */
  dialAhead(count: number): void {
    const { host, protocol, port } = this.#origin;
    const hostname = this.#origin.hostname.replace(/^\[(.*)\]$/, "$1");
    const { dial, idleMs } = this.settings;
    for (let at = 0; at < count; at++) {
      const ahead = new DialledAhead(dial, { hostname, host, protocol, port }, this.clock, idleMs);
      this.#ahead.push(ahead);
      this.#idle.push(this.#open((options, callback) => ahead.connect(options, callback)));
    }
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
    this.#dropAhead();
    for (const client of this.#idle.splice(0)) this.#end(client);
    if (this.#all.size > 0) this.clock.after(graceMs, () => this.destroy());
  }

  /** Cuts every connection, those in use too. */
  destroy(): void {
    this.#isClosed = true;
    this.#dropAhead();
    for (const client of this.#all) this.#end(client);
    this.#idle.length = 0;
  }

  #dropAhead(): void {
    for (const ahead of this.#ahead.splice(0)) ahead.drop();
  }

  #open(connect = this.settings.dial): Client {
    const client = new Client(this.#origin, {
      connect,
      pipelining: 1,
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
