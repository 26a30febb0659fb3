import type { Clock } from "../lib/clock.js";
import { InstanceConnection, type ConnectionSettings } from "./instance-connection.js";

export const connectTimeoutMs = 2_000;

export const defaultConnectionSettings: ConnectionSettings = {
  connectTimeoutMs,
  idleMs: 4_000,
  maxResponseHeaderBytes: 64 * 1024,
};

/** How often those are looked for that have been idle for too long. */
const sweepMs = 1_000;

/**
 * The keep-alive connections to one instance: one per request in flight at most, the most recently used first. Whoever
 * holds a slot takes one and gives it back; so their number is bounded by the slots.
 */
export class Connections {
  readonly #host: string;
  readonly #port: number;
  /** Those used last are last. */
  #idle: InstanceConnection[] = [];
  readonly #all = new Set<InstanceConnection>();
  /** Their requests are written in one go, when what has come meanwhile was read. */
  #due: InstanceConnection[] = [];
  #sweep: { stop(): void } | undefined;
  /** For the time limits of all requests in flight: most end long before, and a timer of its own would cost each of them. */
  #limits: { readonly atMs: number; readonly timer: { stop(): void } } | undefined;
  #isClosed = false;

  /** `address` is host:port. */
  constructor(
    address: string,
    private readonly settings: ConnectionSettings,
    private readonly clock: Clock,
  ) {
    const colon = address.lastIndexOf(":");
    this.#host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
    this.#port = Number(address.slice(colon + 1));
  }

  take(): InstanceConnection {
    const nowMs = this.clock.monotonicMs();
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      if (last.isOpen && nowMs < last.restsUntilMs) return last;
      // One that was dialled ahead and is not open yet may never be.
      last.destroy();
    }
    return this.#open();
  }

  /** Opens as many, for requests that are about to come. */
  dialAhead(count: number): void {
    for (let at = 0; at < count; at++) this.#rest(this.#open());
  }

  /** The limit of a request that one of the connections has, or is about to get, is to be looked at by then. */
  lookAt(atMs: number): void {
    if (this.#limits !== undefined) {
      if (this.#limits.atMs <= atMs) return;
      this.#limits.timer.stop();
    }
    const ms = Math.max(0, atMs - this.clock.monotonicMs());
    this.#limits = { atMs, timer: this.clock.after(ms, () => this.#lookAtLimits()) };
  }

  give(connection: InstanceConnection): void {
    if (this.#isClosed || !connection.canRest) connection.destroy();
    else this.#rest(connection);
  }

  /** Closes idle connections now, and those in use when they are given back or after `graceMs`. */
  close(graceMs: number): void {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
    if (this.#all.size > 0) this.clock.after(graceMs, () => this.destroy());
  }

  /** Cuts every connection, those in use too. */
  destroy(): void {
    this.#isClosed = true;
    this.#sweep?.stop();
    for (const connection of this.#all) connection.cut();
  }

  #rest(connection: InstanceConnection): void {
    connection.rest(this.clock.monotonicMs());
    this.#idle.push(connection);
    this.#sweep ??= this.clock.after(sweepMs, () => this.#dropRested());
  }

  #dropRested(): void {
    const nowMs = this.clock.monotonicMs();
    for (const connection of this.#idle.filter(({ restsUntilMs }) => restsUntilMs <= nowMs)) connection.destroy();
    this.#sweep = this.#idle.length === 0 ? undefined : this.clock.after(sweepMs, () => this.#dropRested());
  }

  #lookAtLimits(): void {
    this.#limits = undefined;
    const nowMs = this.clock.monotonicMs();
    let nextMs = Infinity;
    for (const connection of this.#all) nextMs = Math.min(nextMs, connection.look(nowMs));
    if (nextMs < Infinity) this.lookAt(nextMs);
  }

  #open(): InstanceConnection {
    const connection = new InstanceConnection({
      ...this.settings,
      host: this.#host,
      port: this.#port,
      clock: this.clock,
      writeSoon: (due) => this.#writeSoon(due),
      onClosed: (closed) => this.#forget(closed),
    });
    this.#all.add(connection);
    return connection;
  }

  #writeSoon(connection: InstanceConnection): void {
    if (this.#due.push(connection) === 1) setImmediate(() => this.#writeDue());
  }

  #writeDue(): void {
    const due = this.#due;
    this.#due = [];
    for (const connection of due) connection.write();
  }

  #forget(connection: InstanceConnection): void {
    this.#all.delete(connection);
    // A limit of an hour would keep all this for as long.
    if (this.#isClosed && this.#all.size === 0) this.#limits?.timer.stop();
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }
}
