/**
 * WebSockets whose client has not shown yet who it is. They have few places of their own, of which the oldest gives way,
 * and may send little: so strangers take neither memory nor places from those who are known, who show it within a moment.
 */
import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";

export interface NewcomerLimits {
  /** At a time. */
  readonly newcomersMax: number;
  /** What one may send before it is known. */
  readonly newcomerBytesMax: number;
}

export class Newcomers {
  readonly #limits: NewcomerLimits;
  /** Each with how to count it no longer; the oldest first. */
  readonly #leave = new Map<WebSocket, () => void>();

  constructor(limits: NewcomerLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#leave.size;
  }

  /** `connection` is what the socket goes over. */
  add(socket: WebSocket, connection: Duplex): void {
    if (this.size >= this.#limits.newcomersMax) this.#cut([...this.#leave.keys()][0]);
    let bytes = 0;
    const count = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > this.#limits.newcomerBytesMax) this.#cut(socket);
    };
    connection.on("data", count);
    this.#leave.set(socket, () => connection.off("data", count));
    socket.once("close", () => this.acknowledge(socket));
  }

  /** From now on it is no newcomer. Idempotent. */
  acknowledge(socket: WebSocket): void {
    this.#leave.get(socket)?.();
    this.#leave.delete(socket);
  }

  /** Without a word: nothing that is sent has to be taken any more. */
  #cut(socket: WebSocket | undefined): void {
    if (socket === undefined) return;
    this.acknowledge(socket);
    socket.terminate();
  }
}
