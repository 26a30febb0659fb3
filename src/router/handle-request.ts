/**
 * The way of a request: match, acquire, forward, release, record. One function per step, from top to bottom.
 *
 * A warm request waits for nothing but its answer. Every request that matched a function is recorded exactly once, when
 * it has ended, however it ended.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { AppError } from "../errors/app-error.js";
import type { InvocationRecorder } from "../invocations/record-invocation.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { acquireNow, mayTryAnother, noInstanceTookIt, settleLease, waitForSlot } from "./acquire.js";
import { Call, type CallPlan, type HttpCall } from "./call.js";
import type { Turn } from "./connection-dues.js";
import type { Outcome } from "./exchange.js";
import { forward, type RequestBody } from "./forward.js";
import { InFlight } from "./in-flight.js";
import { logFailure } from "./log-failure.js";
import type { RequestHead } from "./request-head.js";
import type { SlotTable } from "./slot-table.js";
import type { Lease } from "./target-slots.js";
import { stopUpload } from "./stop-upload.js";
import type { TokenHandout } from "./token-handout.js";
import { verdictOfAnswer } from "./told-invocation.js";
import { readWhole, tooLarge, Upload } from "./upload.js";
import { writeContinue } from "./write-continue.js";
import { toAppError, writeError } from "./write-error.js";

export interface HandlerOptions {
  readonly slots: SlotTable;
  readonly recorder: InvocationRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxBodyBytes: number;
  /** How long a client may take nothing of an answer that is there for it. */
  readonly unreadMs: number;
  readonly mustClose: () => boolean;
  readonly isStopping: () => boolean;
  readonly tokens: TokenHandout;
}

/** Bodies up to this are read whole before a slot is taken, so a slow client holds none, and can be sent twice. */
const smallBodyBytes = 64 * 1024;

/** A request whose head was read, and what is to be called for it. */
export interface PlannedRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly head: RequestHead;
  readonly plan: CallPlan;
  readonly invocationId: string;
  /** Where others on its connection were not answered yet. */
  readonly turn?: Turn | undefined;
}

/** A request of which all is there that an attempt needs. `done` is called once, with what came of the last attempt. */
interface ReadyRequest {
  readonly http: HttpCall;
  readonly body: RequestBody;
  readonly expectsContinue: boolean;
  readonly done: (outcome: Outcome) => void;
}

export class RequestHandler {
  readonly #inFlight = new InFlight();

  constructor(private readonly options: HandlerOptions) {}

  /** Resolves when no request is under way. */
  idle(): Promise<void> {
    return this.#inFlight.idle();
  }

  /** Runs the call to its end. */
  serve({ req, res, head, plan, invocationId, turn }: PlannedRequest): void {
    const { clock, recorder } = this.options;
    const call = new Call(plan, invocationId, clock.now(), clock.monotonicMs());
    const http: HttpCall = { call, req, res };
    call.watch(res);
    this.#inFlight.begin();
    recorder.inFlight(plan.callee.fn.id, 1);
    const done = (outcome: Outcome): void => this.#ended(http, head, outcome);
    if (turn === undefined) return this.#begin(http, head, done);
    call.onClientGone = () => done(cancelled);
    turn(() => {
      call.onClientGone = () => {};
      call.limitedFromMs = clock.monotonicMs();
      this.#begin(http, head, done);
    });
  }

  #begin(http: HttpCall, head: RequestHead, done: (outcome: Outcome) => void): void {
    const { expectsContinue } = head;
    if (head.contentLength === 0) return this.#attempt({ http, body: noBody(head), expectsContinue, done });
    this.#readBody(http, head).then(
      (body) => (body === undefined ? done(cancelled) : this.#attempt({ http, body, expectsContinue, done })),
      (error: unknown) => done(failed(error)),
    );
  }

  #ended(http: HttpCall, head: RequestHead, outcome: Outcome): void {
    const { call, req, res } = http;
    this.#answerFailure(http, outcome);
    if (head.contentLength !== 0 && !req.complete) stopUpload(req, res, this.options.clock);
    this.options.recorder.inFlight(call.callee.fn.id, -1);
    this.#record(call, outcome);
    this.#inFlight.end();
  }

  /** Undefined where the client left before a small body was complete. */
  async #readBody({ call, req }: HttpCall, head: RequestHead): Promise<RequestBody | undefined> {
    const { maxBodyBytes, clock } = this.options;
    const { contentLength } = head;
    if (contentLength !== null && contentLength > maxBodyBytes) throw tooLarge(maxBodyBytes);
    if (contentLength !== null && contentLength <= smallBodyBytes && !head.expectsContinue) {
      const bytes = await readWhole(req, (task) => clock.after(call.callee.timeoutMs, task));
      call.requestBytes = bytes?.length ?? 0;
      return bytes && { type: "WHOLE", bytes };
    }
    const limits = { maxBytes: maxBodyBytes, replayBytes: smallBodyBytes };
    const upload = new Upload(
      req,
      limits,
      () => clock.monotonicMs(),
      () => call.leave(),
    );
    return { type: "STREAM", upload, contentLength };
  }

  /** With the slot that is free, or the next that comes free. No promise is made where one is: so are most requests. */
  #attempt(request: ReadyRequest): void {
    const { http, done } = request;
    const free = acquireNow(http.call, this.options.slots);
    if (free !== undefined) return this.#forward(request, free);
    waitForSlot(http.call, this.options).then(
      (lease) => (lease === undefined ? done(cancelled) : this.#forward(request, lease)),
      (error: unknown) => done(failed(error)),
    );
  }

  #forward(request: ReadyRequest, lease: Lease): void {
    const { http, body, expectsContinue } = request;
    http.call.attempt(lease);
    if (expectsContinue && http.call.attempts === 1) writeContinue(http.res);
    forward({ http, lease, body, done: (outcome) => this.#attempted(request, lease, outcome) }, this.options);
  }

  #attempted(request: ReadyRequest, lease: Lease, outcome: Outcome): void {
    const { http, body, done } = request;
    const { call } = http;
    if (body.type === "STREAM") call.requestBytes = body.upload.bytes;
    settleLease(lease, outcome, this.options);
    if (outcome.type !== "NOT_RUN") return this.#settled(request, outcome);
    const mayRetry = mayTryAnother(call, outcome.because) && (body.type !== "STREAM" || body.upload.canReplay);
    if (mayRetry) this.#attempt(request);
    else done({ type: "FAILED", error: noInstanceTookIt(outcome.because) });
  }

  /** Of a crash, as soon as it is known what the instance did, or is not known in a moment. Its slot is free by then. */
  #settled({ http: { call }, done }: ReadyRequest, outcome: Outcome): void {
    const { isStopping, slots } = this.options;
    const { instance, clientGone } = call;
    if (outcome.type !== "FAILED" || outcome.suspect !== "CRASHED" || instance === null) return done(outcome);
    if (clientGone || isStopping()) return done(outcome);
    void slots
      .whyLost(instance)
      .then((why) => done(why === undefined ? outcome : { ...outcome, error: explained(outcome.error, why) }));
  }

  #answerFailure({ call, res }: HttpCall, outcome: Outcome): void {
    const isOurBug = outcome.type === "CUT" && outcome.error.code === "INTERNAL";
    if (outcome.type === "FAILED" || isOurBug) logFailure(this.options.logger, outcome.error, call);
    if (outcome.type !== "FAILED") return;
    if (call.clientGone) return;
    call.httpStatus = outcome.error.httpStatus;
    const close = res.req.complete && !this.options.mustClose() ? [] : ["Connection", "close"];
    call.responseBytes = writeError(res, outcome.error, call.invocationId, [...call.plan.answerHeaders, ...close]);
  }

  #record(call: Call, outcome: Outcome): void {
    const { status, error } = verdict(call, outcome);
    const endedMs = this.options.clock.monotonicMs();
    const invocation = call.toInvocation(status, error, endedMs);
    const { recorder } = this.options;
    if (call.plan.isRecorded) recorder.record(invocation, call.callee.of);
    else recorder.count(invocation, call.callee.of);
  }
}

const cancelled: Outcome = { type: "CANCELLED" };

const failed = (error: unknown): Outcome => ({ type: "FAILED", error: toAppError(error) });

/** `why` is what the instance did. */
const explained = ({ code, message, cause }: AppError, why: string): AppError =>
  new AppError(code, `${message.replace(/\.$/, "")}: it ${why}.`, { cause });

const noBody = (head: RequestHead): RequestBody => ({ type: "NONE", announcesLength: head.announcesLength });

/** The truth about a call, in a status and a line. */
function verdict(
  call: Call,
  outcome: Outcome,
): { status: "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "CANCELLED"; error: string | null } {
  if (call.clientGone || outcome.type === "CANCELLED") {
    return { status: "CANCELLED", error: (outcome.type === "CANCELLED" && outcome.why) || "The caller left." };
  }
  if (outcome.type === "FAILED" || outcome.type === "CUT") {
    const { code, message } = outcome.error;
    return { status: code === "FUNCTION_TIMEOUT" ? "TIMED_OUT" : "FAILED", error: message };
  }
  return verdictOfAnswer(call);
}
