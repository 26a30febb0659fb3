/**
 * The one door to functions for everything that is no HTTP caller: it posts to the router's own address, so there is one
 * path, one accounting and one record for every invocation, also where roles run in separate processes.
 */
import http from "node:http";
import type { Socket } from "node:net";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import type { Invocation, InvocationResult } from "../model/invocation.js";
import type { RequestContext } from "../model/request-context.js";
import type { KeptResult } from "../model/async-work.js";
import { settingLimits } from "../model/validate-function.js";
import type { InvokeRequest } from "./invoke-request.js";
import {
  readAnswer,
  resultHeaders,
  toInvocation,
  toPlatformError,
  toResult,
  type Answer,
  type Oversize,
} from "./invoke-answer.js";

export interface InvokerOptions {
  /** The router's address, such as http://127.0.0.1:31314; asked at each call, as its port may be picked at start. */
  readonly routerUrl: () => string;
  /** Headers that open the router's own path to this one request, with this X-Fermi-Invoke. */
  readonly sign: (request: { method: string; path: string; content: string }) => http.OutgoingHttpHeaders;
  readonly clock: Clock;
  readonly maxAnswerBytes?: number;
}

/**
 * To the last byte of the answer, above any time limit that a function may have: that is the router's affair and ends most
 * calls before. Sources of triggers set bounds of their own.
 */
const deadlineMs = 1.5 * settingLimits.timeoutSeconds[1] * 1_000;
/** As large as what the platform says where it fails. */
const errorBytes = 16 * 1024;
/** A router whose machine vanishes is noticed by the system's probes, long before the deadline. */
const probeAfterMs = 60_000;
/** So long the router may take to let a call go that no instance has. */
const letGoWithinMs = 2_000;

export class Invoker {
  readonly #options: Required<InvokerOptions>;

  constructor(options: InvokerOptions) {
    this.#options = { maxAnswerBytes: 6 * 1024 * 1024, ...options };
  }

  /**
   * Runs the function and waits for its answer, whatever its status. Rejects with the router's code where the platform
   * failed, with BODY_TOO_LARGE where the answer is too large to be held, and with the signal's reason where that aborts.
   */
  async invoke(
    ctx: RequestContext,
    request: InvokeRequest,
  ): Promise<{ invocation: Invocation; result: InvocationResult }> {
    const { maxAnswerBytes } = this.#options;
    const answer = await this.#ask(ctx.signal, request, maxAnswerBytes, "REFUSE");
    return { invocation: toInvocation(answer), result: toResult(answer) };
  }

  /**
   * The same for one attempt of many: an answer of more than `keepBytes` is read to its end, but not kept. `onBegun` is
   * called when an instance has it, where the request names its invocation. Where this rejects with CLUSTER_UNAVAILABLE
   * and `mayHaveRun` says no, no user code has run, nor will it: so it does too where the signal aborts before `onBegun`
   * and the router lets it go.
   */
  async attempt(
    signal: AbortSignal,
    request: InvokeRequest,
    keepBytes: number,
    onBegun: () => void = () => {},
  ): Promise<{ invocation: Invocation; result: KeptResult | null }> {
    const answer = await this.#ask(signal, { ...request, onBegun }, keepBytes, "DROP_BODY");
    const { status: httpStatus, body, isDropped } = answer;
    const result = isDropped ? null : { httpStatus, headers: resultHeaders(answer), body };
    return { invocation: toInvocation(answer), result };
  }

  /** The same where only how it ended matters: however large the answer is, it is read to its end, and not kept. */
  async call(signal: AbortSignal, request: InvokeRequest): Promise<Invocation> {
    const { invocation } = await this.attempt(signal, request, errorBytes);
    return invocation;
  }

  async #ask(caller: AbortSignal, request: Sent, maxBytes: number, oversize: Oversize): Promise<Answer> {
    caller.throwIfAborted();
    const deadline = new AbortController();
    const timer = this.#options.clock.after(deadlineMs, () => deadline.abort(tooLate()));
    const signal = AbortSignal.any([caller, deadline.signal]);
    try {
      const answer = await readAnswer(await this.#send(request, signal), maxBytes, oversize);
      const platformError = toPlatformError(answer);
      if (platformError !== undefined) throw platformError;
      return answer;
    } catch (error) {
      if (error !== letGo) signal.throwIfAborted();
      throw error;
    } finally {
      timer.stop();
    }
  }

  async #send({ onBegun = () => {}, ...request }: Sent, signal: AbortSignal): Promise<http.IncomingMessage> {
    const { body = "" } = request;
    const routerUrl = this.#options.routerUrl();
    if (routerUrl === "") throw unreachable(Object.assign(new Error("no router yet"), { syscall: "connect" }));
    return new Promise<http.IncomingMessage>((resolve, reject) => {
      // A connection of its own: one that was kept open may be closed by the router just as it is used again, and then
      // nobody knows whether the function ran.
      const options = { method: "POST", agent: false as const, headers: this.#headers(request, body) };
      const sent = http.request(new URL(path, routerUrl), options, resolve);
      const leaving = new Leaving(sent, request.invocationId !== undefined, this.#options.clock);
      const leave = (): void => leaving.begin();
      signal.addEventListener("abort", leave, { once: true });
      sent.once("close", () => signal.removeEventListener("abort", leave));
      sent.once("information", onBegun).on("error", (cause) => reject(leaving.isLetGo ? letGo : unreachable(cause)));
      sent.setSocketKeepAlive(true, probeAfterMs);
      sent.end(body);
    });
  }

  #headers({ body: _body, ...what }: InvokeRequest, body: Buffer | string): http.OutgoingHttpHeaders {
    const invoke = Buffer.from(JSON.stringify(what)).toString("base64url");
    return {
      ...this.#options.sign({ method: "POST", path, content: invoke }),
      "X-Fermi-Invoke": invoke,
      "Content-Length": Buffer.byteLength(body),
    };
  }
}

/**
 * Leaves a call. One that no instance has, as far as the router has told, is left by ending the sending side: the router
 * takes that for leaving too, and does not give the call to an instance once it has ended its own side.
 */
class Leaving {
  isLetGo = false;
  #isWaiting: boolean;

  /** `isTold`: the router tells when an instance has the call. */
  constructor(
    private readonly sent: http.ClientRequest,
    isTold: boolean,
    private readonly clock: Clock,
  ) {
    this.#isWaiting = isTold;
    sent.once("information", () => (this.#isWaiting = false));
  }

  begin(): void {
    const { sent } = this;
    if (this.#isWaiting && sent.socket?.connecting === false) return this.#endSending(sent.socket);
    // An instance has it, or nothing of it has gone out yet.
    this.isLetGo = this.#isWaiting;
    sent.destroy();
  }

  #endSending(socket: Socket): void {
    const { sent } = this;
    const patience = this.clock.after(letGoWithinMs, () => sent.destroy());
    sent.once("information", () => sent.destroy()).once("close", () => patience.stop());
    // Before the request itself finds that there is no answer.
    socket.prependOnceListener("end", () => (this.isLetGo = this.#isWaiting)).end();
  }
}

type Sent = InvokeRequest & { readonly onBegun?: () => void };

const path = "/-/invoke";

const tooLate = (): AppError =>
  new AppError("FUNCTION_TIMEOUT", `The function's answer was not complete within ${deadlineMs / 1_000} s.`);

/** The router never had the call, so that it can be made again without its function being called twice. */
export const hasNotArrived = (error: unknown): boolean => error instanceof AppError && neverConnected(error.cause);

/** Whether user code may have run although the platform has failed: not where the router says so, nor where it never had the call. */
export const mayHaveRun = (error: AppError): boolean =>
  error.code === "CLUSTER_UNAVAILABLE" && error.cause !== undefined && !hasNotArrived(error);

/** Of a name with several addresses each was tried. */
function neverConnected(cause: unknown): boolean {
  const { syscall = "", errors = [] } = (cause ?? {}) as { syscall?: string; errors?: readonly unknown[] };
  return ["connect", "getaddrinfo"].includes(syscall) || (errors.length > 0 && errors.every(neverConnected));
}

const letGo = new AppError("CLUSTER_UNAVAILABLE", "It was called off before an instance had it.");

const unreachable = (cause: Error): AppError =>
  new AppError("CLUSTER_UNAVAILABLE", "The router gave no answer.", { cause, retryAfterSeconds: 1 });
