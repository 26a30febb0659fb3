/**
 * One HTTP/1.1 connection to an instance: a request and its answer at a time, one after another.
 *
 * A request is written at most once. A connection is used again only if its last answer ended where it said, the request
 * had been sent whole by then, and nothing has come since: an answer can't be taken for that to another request.
 */
import { connect, type Socket } from "node:net";
import type { Readable } from "node:stream";
import type { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import type { AnswerHead } from "./answer-fields.js";
import { AnswerParser, type AnswerSink } from "./answer-parser.js";
import { toAppError } from "./write-error.js";

export interface InstanceRequest {
  readonly method: string;
  /** Request line and headers up to the empty line, which is in it; each character is a byte. */
  readonly head: string;
  /** A stream is opened when it is its turn to be sent. */
  readonly body: Buffer | (() => Readable) | null;
  /** A stream's length is not announced in the head. */
  readonly isChunked: boolean;
}

/** Why there is no whole answer. */
export type Loss =
  /** No connection was made, so nothing was sent. */
  | { readonly type: "UNREACHABLE"; readonly cause: Error | undefined }
  /** The connection ended while it rested; nothing was sent. */
  | { readonly type: "STALE"; readonly cause: Error | undefined }
  | { readonly type: "LOST"; readonly cause: Error | undefined }
  /** What came is no answer. */
  | { readonly type: "MALFORMED"; readonly error: AppError }
  /** The request's body broke off. */
  | { readonly type: "UPLOAD"; readonly error: Error };

/** Is told of one answer; after `end`, `whole` or `lost` of nothing more. Bytes are its own to keep, but for those of `whole`. */
export interface AnswerHandler {
  /** The request is about to be written: from now on user code may run. */
  sending(): void;
  /** All of it at once, where it came at once. `body` is good only until this returns. */
  whole(head: AnswerHead, body: Buffer, trailers: readonly string[]): void;
  head(head: AnswerHead): void;
  /** False where no more is to be read until `resume`. */
  body(bytes: Buffer): boolean;
  end(trailers: readonly string[]): void;
  lost(loss: Loss): void;
  /** Sees to its time limit. Returns when that is to be looked at again, on the monotonic clock; Infinity for never. */
  look(nowMs: number): number;
}

export interface ConnectionSettings {
  readonly connectTimeoutMs: number;
  /** Idle connections are dropped before the instance would drop them, so that a request rarely meets a closing one. */
  readonly idleMs: number;
  readonly maxResponseHeaderBytes: number;
}

export interface InstanceConnectionOptions extends ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** Calls `write` when what has come by now was read. */
  readonly writeSoon: (connection: InstanceConnection) => void;
  /** It can't be used any more. */
  readonly onClosed: (connection: InstanceConnection) => void;
}

/**
 * Everybody's: bytes are copied out of it before the next read, of whichever socket, which never begins within a callback.
 * (Not so on Windows.)
 */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

const none = Buffer.alloc(0);
/** A host that vanishes is noticed by the system's probes, also while a function takes hours. */
const probeAfterMs = 60_000;
/** An instance closes its side when it has been idle for as long as it said; the request must be there before. */
const closingMarginMs = 1_000;

export class InstanceConnection implements AnswerSink {
  /** On the monotonic clock: when it has rested for too long. */
  restsUntilMs = 0;
  readonly #options: InstanceConnectionOptions;
  readonly #socket: Socket;
  readonly #parser: AnswerParser;
  #dialTimer: { stop(): void } | undefined;
  #state: "DIALLING" | "OPEN" | "CLOSED" = "DIALLING";
  #wasOpen = false;
  #handler: AnswerHandler | undefined;
  /** Not written yet. */
  #waiting: InstanceRequest | undefined;
  #upload: Readable | undefined;
  /** The answer's head, and the first of its body, until it is known whether they are all. */
  #heldHead: AnswerHead | undefined;
  #heldBody: Buffer | undefined;
  #mayRest = true;
  #idleMs: number;
  #cause: Error | undefined;

  constructor(options: InstanceConnectionOptions) {
    const { host, port, clock, connectTimeoutMs, maxResponseHeaderBytes, idleMs } = options;
    this.#options = options;
    this.#idleMs = idleMs;
    this.#parser = new AnswerParser(this, maxResponseHeaderBytes);
    const callback = (length: number): boolean => this.#read(readBuffer.subarray(0, length));
    const onread = { buffer: readBuffer, callback };
    const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: probeAfterMs, onread });
    this.#socket = socket;
    this.#dialTimer = clock.after(connectTimeoutMs, () => this.#lose({ type: "UNREACHABLE", cause: undefined }));
    socket.once("connect", () => this.#opened());
    socket.on("drain", () => this.#upload?.resume());
    socket.once("end", () => this.#ended());
    socket.on("error", (error) => (this.#cause = error));
    socket.once("close", () => this.#closed());
  }

  get isOpen(): boolean {
    return this.#state === "OPEN";
  }

  /** It may be given to another request. */
  get canRest(): boolean {
    return this.isOpen && this.#mayRest && this.#handler === undefined;
  }

  /** From now on it waits for its next request. */
  rest(nowMs: number): void {
    this.restsUntilMs = nowMs + this.#idleMs;
  }

  /** To be called when it has nobody else's request. */
  send(request: InstanceRequest, handler: AnswerHandler): void {
    this.#handler = handler;
    this.#waiting = request;
    this.#parser.begin(request.method === "HEAD");
    if (this.#state === "CLOSED") return this.#closed();
    // An end, or an answer to nothing, that is here already counts before the request does.
    if (this.isOpen) this.#options.writeSoon(this);
  }

  /** Writes the request that waits, if one still does. */
  write(): void {
    const request = this.#waiting;
    if (request === undefined || !this.isOpen) return;
    this.#waiting = undefined;
    this.#handler?.sending();
    // Whom nobody waits for any more is not sent.
    if (this.#handler === undefined) return;
    const { head, body } = request;
    if (body === null) this.#socket.write(head, "latin1");
    else if (Buffer.isBuffer(body)) this.#writeWhole(head, body);
    else this.#writeStream(head, body(), request.isChunked);
  }

  /** Sees to the time limit of the request that it has; returns when it is to be asked again. */
  look(nowMs: number): number {
    return this.#handler?.look(nowMs) ?? Infinity;
  }

  /** Goes on where `body` was false. */
  resume(): void {
    this.#socket.resume();
  }

  /** Says that the request's caller has left; its answer may still come. */
  endSending(): void {
    this.#mayRest = false;
    this.#socket.end();
  }

  /** Cuts it under whoever uses it, who is told. */
  cut(): void {
    this.#lose(
      this.#waiting === undefined ? { type: "LOST", cause: undefined } : { type: "UNREACHABLE", cause: undefined },
    );
  }

  /** Cuts it. Its handler is told nothing more. */
  destroy(): void {
    this.#handler = undefined;
    this.#waiting = undefined;
    this.#parser.stop();
    this.#dropUpload();
    this.#close();
  }

  head(head: AnswerHead): void {
    this.#mayRest = head.keepsAlive;
    if (head.keepAliveMs !== null) this.#restFor(head.keepAliveMs - closingMarginMs);
    this.#heldHead = head;
  }

  body(bytes: Buffer): void {
    if (this.#heldBody !== undefined) this.#tellHeld();
    this.#heldBody = bytes;
  }

  #restFor(ms: number): void {
    this.#idleMs = Math.min(ms, this.#options.idleMs);
    if (this.#idleMs <= 0) this.#mayRest = false;
  }

  #opened(): void {
    this.#state = "OPEN";
    this.#wasOpen = true;
    this.#dialTimer?.stop();
    this.write();
  }

  #writeWhole(head: string, body: Buffer): void {
    this.#socket.cork();
    this.#socket.write(head, "latin1");
    this.#socket.write(body);
    this.#socket.uncork();
  }

  #writeStream(head: string, body: Readable, isChunked: boolean): void {
    const socket = this.#socket;
    this.#upload = body;
    socket.write(head, "latin1");
    body.on("data", (chunk: Buffer) => {
      if (this.#upload !== body) return;
      if (!(isChunked ? this.#writeChunk(chunk) : socket.write(chunk))) body.pause();
    });
    body.once("end", () => {
      if (this.#upload !== body) return;
      this.#upload = undefined;
      if (isChunked) socket.write("0\r\n\r\n", "latin1");
    });
    body.once("error", (error) => {
      if (this.#upload === body) this.#lose({ type: "UPLOAD", error });
    });
  }

  #writeChunk(chunk: Buffer): boolean {
    const socket = this.#socket;
    socket.cork();
    socket.write(`${chunk.length.toString(16)}\r\n`, "latin1");
    socket.write(chunk);
    const hasRoom = socket.write("\r\n", "latin1");
    socket.uncork();
    return hasRoom;
  }

  #read(bytes: Buffer): boolean {
    // Nobody has asked: whatever it is, it must not be the next one's answer.
    if (this.#handler === undefined || this.#waiting !== undefined) {
      this.#lose({ type: "STALE", cause: undefined });
      return true;
    }
    let used: number;
    try {
      used = this.#parser.read(bytes);
    } catch (error) {
      // What came with it is not told either: nobody can have used any of it.
      this.#heldHead = undefined;
      this.#heldBody = undefined;
      this.#lose({ type: "MALFORMED", error: toAppError(error) });
      return true;
    }
    if (!this.#parser.isComplete) return this.#tellHeld();
    if (used < bytes.length) this.#mayRest = false;
    this.#complete();
    return true;
  }

  /** False where no more is to be read. */
  #tellHeld(): boolean {
    const head = this.#heldHead;
    const body = this.#heldBody;
    this.#heldHead = undefined;
    this.#heldBody = undefined;
    if (head !== undefined) this.#handler?.head(head);
    return body === undefined || this.#handler === undefined || this.#handler.body(Buffer.from(body));
  }

  #complete(): void {
    const head = this.#heldHead;
    // An early answer: the rest of the request is not wanted, and without it the connection is of no use.
    if (this.#upload !== undefined || this.#socket.writableLength > 0) this.#mayRest = false;
    this.#dropUpload();
    if (head === undefined) this.#tellHeld();
    const handler = this.#handler;
    const body = this.#heldBody ?? none;
    const { trailers } = this.#parser;
    this.#handler = undefined;
    this.#heldHead = undefined;
    this.#heldBody = undefined;
    if (!this.#mayRest) this.#close();
    if (head === undefined) handler?.end(trailers);
    else handler?.whole(head, body, trailers);
  }

  #ended(): void {
    if (this.#handler !== undefined && this.#waiting === undefined && this.#parser.end()) {
      this.#mayRest = false;
      this.#complete();
    }
    this.#close();
    this.#closed();
  }

  #lose(loss: Loss): void {
    const handler = this.#handler;
    this.destroy();
    handler?.lost(loss);
  }

  /** Whoever still waits is told. */
  #closed(): void {
    this.#close();
    if (this.#handler !== undefined) this.#lose({ type: this.#howLost(), cause: this.#cause });
  }

  #howLost(): "LOST" | "STALE" | "UNREACHABLE" {
    if (this.#waiting === undefined) return "LOST";
    return this.#wasOpen ? "STALE" : "UNREACHABLE";
  }

  #close(): void {
    if (this.#state === "CLOSED") return;
    this.#state = "CLOSED";
    this.#dialTimer?.stop();
    this.#socket.destroy();
    this.#options.onClosed(this);
  }

  #dropUpload(): void {
    const upload = this.#upload;
    this.#upload = undefined;
    upload?.destroy();
  }
}
