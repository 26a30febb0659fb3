/**
 * One attempt: a request to one instance and its answer, streamed both ways.
 *
 * It ends exactly once, with an Outcome. Nothing is buffered: each side reads as fast as the other takes. Before the
 * answer's head the function has its time limit; after it, the same limit between two chunks. A client that is waited for
 * has a limit of the router's.
 */
import type { ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { whyUnreached, type NotRun } from "./acquire.js";
import type { AnswerHead } from "./answer-fields.js";
import { answerHead } from "./answer-head.js";
import type { HttpCall, Call } from "./call.js";
import type { Connections } from "./connections.js";
import type { AnswerHandler, InstanceConnection, InstanceRequest, Loss } from "./instance-connection.js";
import { functionError, headerValue, trailerPairs } from "./response-head.js";
import { endsWithHead, toldInvocation } from "./told-invocation.js";
import { bodyTooSlow, type Upload } from "./upload.js";
import { toAppError } from "./write-error.js";

/** How an attempt ended. */
export type Outcome =
  /** The answer went to the client whole. */
  | { readonly type: "ANSWERED" }
  /** No user code has run, so another instance may be tried. */
  | { readonly type: "NOT_RUN"; readonly because: NotRun }
  /** Nothing was sent to the client yet: it is to get this error. */
  | { readonly type: "FAILED"; readonly error: AppError; readonly suspect?: Suspicion }
  /** The answer broke off midway. */
  | { readonly type: "CUT"; readonly error: AppError }
  /** The client left, or is given up for the reason given. */
  | { readonly type: "CANCELLED"; readonly why?: string };

/** What the attempt showed about its instance. */
export type Suspicion = "CRASHED" | "TIMED_OUT";

/** A slower upload than this is the client's fault, not the function's. */
const minUploadBytesPerSecond = 1024;

/** Shorter bodies are cheaper to send as text, longer ones as bytes. */
const asTextBytes = 16 * 1024;

const none = Buffer.alloc(0);
const answered: Outcome = { type: "ANSWERED" };
const cancelled: Outcome = { type: "CANCELLED" };

export interface ExchangeOptions {
  readonly http: HttpCall;
  readonly upload: Upload | null;
  readonly clock: Clock;
  /** The runtime refuses what it has no room for by X-Fermi-Busy; other contracts know no such thing. */
  readonly isFermiRuntime: boolean;
  readonly mustClose: () => boolean;
  readonly isStopping: () => boolean;
  /** How long the client may take nothing of what is there for it. */
  readonly unreadMs: number;
  readonly connections: Connections;
  readonly request: InstanceRequest;
  readonly done: (outcome: Outcome) => void;
}

export class Exchange implements AnswerHandler {
  readonly #options: ExchangeOptions;
  readonly #call: Call;
  readonly #res: ServerResponse;
  readonly #startedMs: number;
  #connection: InstanceConnection | undefined;
  /** When the function or the client last did what was waited for. */
  #progressMs: number;
  #uploadedBefore = 0;
  /** When it is to be looked whether something has moved meanwhile, so that nothing has to be re-armed per chunk. */
  #lookAtMs: number;
  #isSent = false;
  #isPaused = false;
  #hasHead = false;
  #isCalledOff = false;
  #isDone = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#call = options.http.call;
    this.#res = options.http.res;
    this.#startedMs = this.#progressMs = options.clock.monotonicMs();
    this.#call.onClientGone = () => this.#clientGone();
    this.#lookAtMs = this.#startedMs + this.#call.callee.timeoutMs;
  }

  /** To be called once. */
  begin(): void {
    this.#connection = this.#options.connections.take();
    this.#options.connections.lookAt(this.#lookAtMs);
    this.#connection.send(this.#options.request, this);
  }

  look(nowMs: number): number {
    if (nowMs >= this.#lookAtMs) this.#lookAtMs = nowMs + this.#timeLeft(nowMs);
    return this.#lookAtMs;
  }

  /** The function's own limit may be much longer than the one that begins now. */
  #lookBy(atMs: number): void {
    if (atMs >= this.#lookAtMs) return;
    this.#lookAtMs = atMs;
    this.#options.connections.lookAt(atMs);
  }

  sending(): void {
    this.#isSent = true;
    if (this.#call.plan.isRecorded || this.#call.clientGone) return;
    // Who makes many attempts wants to know which have found room. Whom it can't be told any more counts it as none.
    if (this.#res.socket?.writable === true) this.#res.writeProcessing();
    else this.#end(cancelled);
  }

  whole(head: AnswerHead, body: Buffer, trailers: readonly string[]): void {
    // An answer that leaves the rest of the request unread says that it is the connection's last.
    if (this.#begun(head, this.#isUploading)) this.#complete(trailers, body);
  }

  head(head: AnswerHead): void {
    this.#begun(head, this.#isUploading && head.status >= 400);
  }

  body(bytes: Buffer): boolean {
    if (this.#call.clientGone || this.#isDone) return true;
    this.#call.responseBytes += bytes.length;
    this.#progressMs = this.#options.clock.monotonicMs();
    if (this.#hasRoomFor(bytes)) return true;
    // What is left of what was read comes too, and is no reason to listen twice.
    if (!this.#isPaused) this.#res.once("drain", () => this.#drained());
    this.#isPaused = true;
    this.#lookBy(this.#progressMs + this.#options.unreadMs);
    return false;
  }

  end(trailers: readonly string[]): void {
    this.#complete(trailers, none);
  }

  lost(loss: Loss): void {
    if (this.#isDone) return;
    if (this.#isCalledOff) return this.#end(cancelled);
    switch (loss.type) {
      case "STALE":
        return this.begin();
      case "UNREACHABLE":
        return this.#end({ type: "NOT_RUN", because: whyUnreached(loss.cause) });
      case "UPLOAD":
        return loss.error instanceof AppError ? this.#fail(loss.error) : this.#crashed(loss.error);
      case "MALFORMED":
        return this.#fail(this.#hasHead ? this.#lostError(loss.error) : loss.error);
      case "LOST":
        return this.#crashed(loss.cause);
    }
  }

  /** False where there is nothing more to be done about the answer. */
  #begun(head: AnswerHead, isLast: boolean): boolean {
    const { status, headers } = head;
    if (this.#isDone) return false;
    if (this.#options.isFermiRuntime && status === 503 && headerValue(headers, "x-fermi-busy") !== undefined) {
      this.#end({ type: "NOT_RUN", because: "BUSY" });
      return false;
    }
    if (this.#isCalledOff) {
      this.#end(cancelled);
      return false;
    }
    this.#progressMs = this.#options.clock.monotonicMs();
    if (status >= 500 && this.#options.isFermiRuntime) this.#call.functionError = functionError(headers);
    try {
      if (!this.#call.clientGone) this.#writeHead(head, isLast);
    } catch (error) {
      this.#refused(error);
      return false;
    }
    this.#hasHead = true;
    return true;
  }

  #writeHead(answer: AnswerHead, isLast: boolean): void {
    const { status, statusText } = answer;
    const mustClose = isLast || this.#options.mustClose();
    this.#call.httpStatus = status;
    const head = answerHead(this.#call, answer, { mustClose, isChunkable: this.#res.useChunkedEncodingByDefault });
    if (this.#call.plan.isInternal && endsWithHead(status)) head.push(...this.#told());
    this.#res.writeHead(status, printable(status, statusText), head);
  }

  #hasRoomFor(bytes: Buffer): boolean {
    try {
      return this.#res.write(bytes);
    } catch (error) {
      this.#refused(error);
      return true;
    }
  }

  #complete(trailers: readonly string[], last: Buffer): void {
    if (this.#isDone) return;
    if (this.#call.clientGone) return this.#end(cancelled);
    try {
      this.#writeEnd(trailers, last);
    } catch (error) {
      return this.#refused(error);
    }
    this.#end(answered);
  }

  /** `last` is what is left of the body; it may be what is read into next. */
  #writeEnd(trailers: readonly string[], last: Buffer): void {
    this.#call.responseBytes += last.length;
    const pairs = trailerPairs(trailers);
    if (this.#call.plan.isInternal) pairs.push(this.#told());
    if (pairs.length > 0) this.#res.addTrailers(pairs);
    if (last.length === 0) this.#res.end();
    // As text it goes out in one piece with the head.
    else if (last.length <= asTextBytes) this.#res.end(last.toString("latin1"), "latin1");
    else this.#res.end(Buffer.from(last));
  }

  /** Node would not write what it was given: a fault of the router's, which costs this exchange and nobody else's. */
  #refused(cause: unknown): void {
    this.#res.shouldKeepAlive = false;
    this.#fail(toAppError(cause));
  }

  #told(): [string, string] {
    const { upload, clock } = this.#options;
    if (upload !== null) this.#call.requestBytes = upload.bytes;
    return toldInvocation(this.#call, clock.monotonicMs());
  }

  /** After the head that says nothing about the instance, as its code may have broken the answer off. */
  #crashed(cause: Error | undefined): void {
    this.#fail(this.#lostError(cause), this.#hasHead ? undefined : "CRASHED");
  }

  #lostError(cause: Error | undefined): AppError {
    return new AppError("FUNCTION_CRASHED", this.#lostMessage(), { cause });
  }

  #lostMessage(): string {
    if (this.#options.isStopping()) {
      return `The router was stopped ${this.#hasHead ? "while" : "before"} it answered.`;
    }
    return this.#hasHead ? "The function's answer broke off." : "The function's instance was lost before it answered.";
  }

  get #isUploading(): boolean {
    return this.#options.upload?.isComplete === false;
  }

  /** Before the head: the function runs on, as closing its socket would not stop it. After it: it is told. */
  #clientGone(): void {
    if (this.#isDone) return;
    if (this.#hasHead || this.#isUploading || !this.#isSent) this.#end(cancelled);
    else if (this.#call.plan.endsWithCaller && this.#options.isFermiRuntime) this.#callOff();
  }

  /** The runtime tells user code, and answers when that has ended: until then the slot is taken. */
  #callOff(): void {
    this.#isCalledOff = true;
    this.#connection?.endSending();
  }

  #drained(): void {
    this.#isPaused = false;
    this.#progressMs = this.#options.clock.monotonicMs();
    if (!this.#isDone) this.#connection?.resume();
  }

  /** Gives up where nothing has moved for the time limit. */
  #timeLeft(nowMs: number): number {
    if (this.#isPaused && !this.#call.clientGone) return this.#readersTimeLeft(nowMs);
    const { upload } = this.#options;
    const { timeoutMs } = this.#call.callee;
    const sinceMs = this.#call.clientGone ? this.#startedMs : this.#progressMs;
    const idleMs = nowMs - Math.max(sinceMs, upload?.completedMs ?? 0);
    if (idleMs < timeoutMs) return timeoutMs - idleMs;
    if (upload?.isComplete === false && this.#uploadMoved(upload, timeoutMs)) return timeoutMs;
    this.#giveUp(timeoutMs / 1000);
    return Infinity;
  }

  /**
   * The system takes much at a time for a client, and says so only then; on a slow line that is minutes apart. It is looked
   * at again within the function's limit, which counts from when it has been taken.
   */
  #readersTimeLeft(nowMs: number): number {
    const { unreadMs } = this.#options;
    const leftMs = this.#progressMs + unreadMs - nowMs;
    if (leftMs > 0) return Math.min(leftMs, this.#call.callee.timeoutMs);
    this.#end({ type: "CANCELLED", why: `The caller took nothing of the answer for ${unreadMs / 1000} s.` });
    return Infinity;
  }

  /** Nothing has moved for the time limit: whose fault is it? */
  #giveUp(seconds: number): void {
    const { upload } = this.#options;
    if (this.#isUploading && upload?.isHeldUp === false && !this.#hasHead) {
      return this.#fail(bodyTooSlow());
    }
    this.#fail(new AppError("FUNCTION_TIMEOUT", this.#timeoutMessage(seconds)), "TIMED_OUT");
  }

  /** A pause in an answer says nothing about the instance: an event stream may have nothing to tell. */
  #timeoutMessage(seconds: number): string {
    return this.#hasHead
      ? `The function paused for longer than its limit of ${seconds} s while it answered.`
      : `The function did not answer within its limit of ${seconds} s.`;
  }

  #uploadMoved(upload: Upload, periodMs: number): boolean {
    const moved = upload.bytes - this.#uploadedBefore;
    this.#uploadedBefore = upload.bytes;
    return moved >= (minUploadBytesPerSecond * periodMs) / 1000;
  }

  #fail(error: AppError, suspect?: Suspicion): void {
    this.#end(this.#hasHead ? { type: "CUT", error } : { type: "FAILED", error, ...(suspect && { suspect }) });
  }

  #end(outcome: Outcome): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#call.onClientGone = () => {};
    this.#leaveConnection(outcome);
    // A client that has part of an answer must see that it is not the whole.
    if (outcome.type === "CUT" || (outcome.type === "CANCELLED" && this.#hasHead)) this.#res.destroy();
    this.#options.done(outcome);
  }

  #leaveConnection({ type }: Outcome): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (type === "ANSWERED") this.#options.connections.give(connection);
    else connection.destroy();
  }
}

/** Node refuses a reason phrase with anything unprintable in it; then its own is as good. */
const printable = (status: number, text: string): string =>
  /^[\t\x20-\x7e]*$/.test(text) ? text : (STATUS_CODES[status] ?? "");
