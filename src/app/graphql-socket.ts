/**
 * One WebSocket of the API. Results are sent only as fast as they are taken, so a slow reader holds back its own
 * subscriptions and nothing else; one that takes nothing for too long is disconnected. Why is told in the close frame, which
 * stands behind all that was sent before: only who reads on within five seconds gets to see it, so `onSlow` tells it here.
 */
import type { WebSocket } from "ws";
import type { Clock } from "../lib/clock.js";
import type { NewcomerLimits } from "./graphql-newcomers.js";

/** Why this server ends a socket, as its close code: a WebSocket's own range for applications is 4000 to 4999. */
export const closeCodes = {
  goingAway: 1001,
  unauthenticated: 4401,
  tooSlow: 4008,
  internal: 4500,
} as const;

export interface SocketLimits extends NewcomerLimits {
  /** Bytes that may wait to be sent when one message more comes; how large that is, the limits of operations say. */
  readonly bufferedBytesMax: number;
  /** How long one message, or the answer to a ping, may take. */
  readonly stallMs: number;
  readonly pingIntervalMs: number;
  /** Operations at a time on one socket. */
  readonly operationsMax: number;
  /** Newcomers not counted. */
  readonly socketsMax: number;
}

export const defaultSocketLimits: SocketLimits = {
  bufferedBytesMax: 4 * 1024 * 1024,
  stallMs: 15_000,
  pingIntervalMs: 20_000,
  operationsMax: 100,
  socketsMax: 1_000,
  newcomersMax: 100,
  newcomerBytesMax: 16 * 1024,
};

/** How long the other side may take to answer a close before its socket is cut. */
const closeTimeoutMs = 5_000;

export class GraphQLSocket {
  readonly #socket: WebSocket;
  readonly #limits: SocketLimits;
  readonly #clock: Clock;
  readonly #onSlow: (bufferedBytes: number) => void;
  readonly #gone = new AbortController();
  #pingTimer: { stop(): void } | undefined;

  /** `onSlow` is told once, of a socket that is ended since it takes nothing: how many bytes it has left waiting. */
  constructor(socket: WebSocket, limits: SocketLimits, clock: Clock, onSlow: (bufferedBytes: number) => void) {
    this.#socket = socket;
    this.#onSlow = onSlow;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Aborts when the socket is closing, whoever closes it. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Begins to look after the socket; call once, before anything is sent. */
  start(): void {
    this.#socket.once("close", () => this.#gone.abort());
    this.#socket.on("error", () => this.#socket.terminate());
    this.#gone.signal.addEventListener("abort", () => this.#pingTimer?.stop(), { once: true });
    this.#schedulePing();
  }

  /** Resolves when the network has taken the message, or the socket is closing. Never rejects. */
  send(message: string): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) return Promise.resolve();
    if (this.#socket.bufferedAmount > this.#limits.bufferedBytesMax) {
      this.#dropSlow();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const stall = this.#clock.after(this.#limits.stallMs, () => this.#dropSlow());
      this.#socket.send(message, () => {
        stall.stop();
        resolve();
      });
    });
  }

  /** Ends the socket with a code and a reason, by force where the other side does not answer. */
  close(code: number, reason: string): void {
    if (this.#gone.signal.aborted) return;
    this.#socket.close(code, reason);
    const force = this.#clock.after(closeTimeoutMs, () => this.#socket.terminate());
    this.#socket.once("close", () => force.stop());
    this.#gone.abort();
  }

  #dropSlow(): void {
    if (this.#gone.signal.aborted) return;
    this.#onSlow(this.#socket.bufferedAmount);
    this.close(closeCodes.tooSlow, "Too slow: what was sent was not read in time. Subscribe again to go on.");
  }

  #schedulePing(): void {
    this.#pingTimer = this.#clock.after(this.#limits.pingIntervalMs, () => this.#ping());
  }

  #ping(): void {
    this.#pingTimer = this.#clock.after(this.#limits.stallMs, () => this.#dropSlow());
    this.#socket.once("pong", () => {
      this.#pingTimer?.stop();
      if (!this.#gone.signal.aborted) this.#schedulePing();
    });
    this.#socket.ping();
  }
}
