/**
 * One attempt: a request to one instance and its answer, streamed both ways.
 *
 * It ends exactly once, with an Outcome. Nothing is buffered: each side reads as fast as the other takes. Before the
 * answer's head the function has its time limit; after it, the same limit between two chunks. Uses undici's handler
 * methods onConnect to onError, which hand over headers unparsed; undici calls nothing after onComplete or onError.
 */
import type { ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Dispatcher } from "undici";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import type { HttpCall, Call } from "./call.js";
import { answerHead } from "./answer-head.js";
import { functionError, headerValue, trailerPairs } from "./response-head.js";
import { endsWithHead, toldInvocation } from "./told-invocation.js";
import { bodyTooSlow, type Upload } from "./upload.js";

/** How an attempt ended. */
export type Outcome =
  /** The answer went to the client whole. */
  | { readonly type: "ANSWERED" }
  /** No user code has run, so another instance may be tried. */
  | { readonly type: "NOT_RUN"; readonly because: "NO_CONNECTION" | "BUSY" }
  /** Nothing was sent to the client yet: it is to get this error. */
  | { readonly type: "FAILED"; readonly error: AppError; readonly suspect?: Suspicion }
  /** The answer broke off midway. */
  | { readonly type: "CUT"; readonly error: AppError }
  /** The client left. */
  | { readonly type: "CANCELLED" };

/** What the attempt showed about its instance. */
export type Suspicion = "CRASHED" | "TIMED_OUT";

/** A slower upload than this is the client's fault, not the function's. */
const minUploadBytesPerSecond = 1024;

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
  readonly done: (outcome: Outcome) => void;
}

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #call: Call;
  readonly #res: ServerResponse;
  readonly #startedMs: number;
  #abort: (() => void) | undefined;
  #resume: (() => void) | undefined;
  #timer: { stop(): void } | undefined;
  /** When the function or the client last did what was waited for. */
  #progressMs: number;
  #uploadedBefore = 0;
  #isPaused = false;
  #hasHead = false;
  #isDone = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#call = options.http.call;
    this.#res = options.http.res;
    this.#startedMs = this.#progressMs = options.clock.monotonicMs();
    this.#call.onClientGone = () => this.#clientGone();
    this.#arm(this.#call.callee.timeoutMs);
  }

  onConnect(abort: () => void): void {
    this.#abort = abort;
    if (this.#isDone) abort();
  }

  /** False pauses the answer until the client has taken what it has. */
  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    if (status < 200 || this.#isDone) return true;
    if (this.#options.isFermiRuntime && status === 503 && headerValue(raw, "x-fermi-busy") !== undefined) {
      this.#end({ type: "NOT_RUN", because: "BUSY" });
      return true;
    }
    this.#progressMs = this.#options.clock.monotonicMs();
    this.#resume = resume;
    if (status >= 500 && this.#options.isFermiRuntime) this.#call.functionError = functionError(raw);
    if (!this.#call.clientGone) this.#writeHead(status, statusText, raw);
    this.#hasHead = true;
    return true;
  }

  #writeHead(status: number, statusText: string, raw: Buffer[]): void {
    const mustClose = this.#options.mustClose() || (this.#isUploading && status >= 400);
    this.#call.httpStatus = status;
    const head = answerHead(this.#call, raw, mustClose);
    if (this.#call.plan.isInternal && endsWithHead(status)) head.push(...toldInvocation(this.#call, this.#progressMs));
    this.#res.writeHead(status, printable(status, statusText), head);
  }

  onData(chunk: Buffer): boolean {
    if (this.#call.clientGone || this.#isDone) return true;
    this.#call.responseBytes += chunk.length;
    this.#progressMs = this.#options.clock.monotonicMs();
    if (this.#res.write(chunk)) return true;
    this.#isPaused = true;
    this.#res.once("drain", () => this.#drained());
    return false;
  }

  onComplete(trailers: string[] | null): void {
    if (this.#isDone) return;
    if (this.#call.clientGone) return this.#end(cancelled);
    // With these handler methods undici hands trailers over as it does headers, unparsed.
    const pairs = trailerPairs((trailers ?? []) as unknown as Buffer[]);
    if (this.#call.plan.isInternal) pairs.push(this.#told());
    if (pairs.length > 0) this.#res.addTrailers(pairs);
    this.#end(answered);
    this.#res.end();
  }

  #told(): [string, string] {
    const { upload, clock } = this.#options;
    if (upload !== null) this.#call.requestBytes = upload.bytes;
    return toldInvocation(this.#call, clock.monotonicMs());
  }

  onError(error: Error): void {
    if (this.#isDone) return;
    if (error instanceof AppError) return this.#fail(error);
    if (isRefusal(error))
      return this.#fail(new AppError("BAD_REQUEST", "The request can't be sent on.", { cause: error }));
    if (this.#abort === undefined) return this.#end({ type: "NOT_RUN", because: "NO_CONNECTION" });
    const malformed = this.#hasHead ? undefined : malformedMessage(error);
    const suspect = this.#hasHead || malformed !== undefined ? undefined : "CRASHED";
    this.#fail(new AppError("FUNCTION_CRASHED", malformed ?? this.#lostMessage(), { cause: error }), suspect);
  }

  /** A stream that throws breaks its answer off, and its instance is well: that says nothing about the instance. */
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
    if (this.#hasHead || this.#isUploading || this.#abort === undefined) this.#end(cancelled);
  }

  #drained(): void {
    this.#isPaused = false;
    this.#progressMs = this.#options.clock.monotonicMs();
    if (!this.#isDone) this.#resume?.();
  }

  #arm(ms: number): void {
    this.#timer = this.#options.clock.after(ms, () => this.#timeUp());
  }

  /** Looks how long ago something last moved, so that nothing has to be re-armed per chunk. */
  #timeUp(): void {
    const { clock, upload } = this.#options;
    const { timeoutMs } = this.#call.callee;
    const sinceMs = this.#call.clientGone ? this.#startedMs : this.#progressMs;
    const idleMs = clock.monotonicMs() - Math.max(sinceMs, upload?.completedMs ?? 0);
    if (idleMs < timeoutMs) return this.#arm(timeoutMs - idleMs);
    if (upload?.isComplete === false && this.#uploadMoved(upload, timeoutMs)) return this.#arm(timeoutMs);
    this.#giveUp(timeoutMs / 1000);
  }

  /** Nothing has moved for the time limit: whose fault is it? */
  #giveUp(seconds: number): void {
    const { upload } = this.#options;
    if (this.#isPaused) return this.#end(cancelled);
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
    this.#timer?.stop();
    this.#call.onClientGone = () => {};
    if (outcome.type !== "ANSWERED") this.#abort?.();
    // A client that has part of an answer must see that it is not the whole.
    if (outcome.type === "CUT" || (outcome.type === "CANCELLED" && this.#hasHead)) this.#res.destroy();
    this.#options.done(outcome);
  }
}

/** Node refuses a reason phrase with anything unprintable in it; then its own is as good. */
const printable = (status: number, text: string): string =>
  /^[\t\x20-\x7e]*$/.test(text) ? text : (STATUS_CODES[status] ?? "");

const errorCode = (error: Error): string => String((error as { code?: unknown }).code);

/** undici would not send it at all. */
const isRefusal = (error: Error): boolean =>
  ["UND_ERR_INVALID_ARG", "UND_ERR_NOT_SUPPORTED", "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"].includes(errorCode(error));

/** The instance is there, but what it answers is not fit to be passed on. */
function malformedMessage(error: Error): string | undefined {
  const code = errorCode(error);
  if (code === "UND_ERR_HEADERS_OVERFLOW") return "The function's response headers are too large.";
  if (error.name === "HTTPParserError" || code === "ERR_INVALID_CHAR") return "The function's answer is no valid HTTP.";
  if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") return "The function's answer is not as long as it said.";
  return undefined;
}
