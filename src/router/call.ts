import type { IncomingMessage, ServerResponse } from "node:http";
import type { Invocation, InvocationSource, InvocationStatus } from "../model/invocation.js";
import type { RouteMode } from "../model/trigger.js";
import type { Callee } from "./callee.js";
import type { Origin, RouteOfOrigin } from "./function-headers.js";
import type { HeaderLines } from "./header-lines.js";
import type { Lease } from "./target-slots.js";

/** What a call is, known before anything is done about it. */
export interface CallPlan {
  readonly callee: Callee;
  readonly route: RouteOfOrigin | null;
  readonly values: readonly string[];
  readonly source: InvocationSource;
  readonly triggerId: string | null;
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Request headers that go on as they are, Host included. */
  readonly headers: readonly HeaderLines[];
  /** Response headers that every answer to this call carries, beside the invocation's id. */
  readonly answerHeaders: readonly string[];
  /** Answers of the function may not set these: the trigger's CORS policy does. */
  readonly ownsCors: boolean;
  /** Whether its caller waits for the answer. */
  readonly mode: RouteMode;
  /** Through the invoke door: the answer carries what is recorded of the invocation. */
  readonly isInternal: boolean;
  /** False for an attempt of an invocation that its caller records: then it is only counted here. */
  readonly isRecorded: boolean;
  /** What was called off, or is begun again elsewhere, once its caller has left: the function is told so. */
  readonly endsWithCaller: boolean;
}

/** One invocation under way: what is to be recorded about it is gathered here. */
export class Call implements Origin {
  attempts = 0;
  coldStart = false;
  waitMs = 0;
  /** From when on its time limit counts: on a connection that pipelines, from its turn. */
  limitedFromMs: number;
  instance: string | null = null;
  httpStatus: number | null = null;
  /** Why user code failed, as its runtime says. */
  functionError: string | null = null;
  requestBytes = 0;
  responseBytes = 0;
  /** The client went away before it had the whole answer. */
  clientGone = false;
  /** What is to be done when it goes; whoever is at work on the call sets it. */
  onClientGone: () => void = () => {};
  /** Fixed by whoever first says how long it took, so that nobody says otherwise. */
  #endedMs: number | null = null;

  constructor(
    readonly plan: CallPlan,
    readonly invocationId: string,
    readonly acceptedAt: Date,
    readonly startedMs: number,
  ) {
    this.limitedFromMs = startedMs;
  }

  get callee(): Callee {
    return this.plan.callee;
  }
  get route(): RouteOfOrigin | null {
    return this.plan.route;
  }
  get values(): readonly string[] {
    return this.plan.values;
  }
  get target(): string {
    return this.plan.target;
  }

  /** Notices when the client goes, from now until the answer is complete. */
  watch(res: ServerResponse): void {
    const closed = (): void => {
      if (!res.writableFinished) this.leave();
    };
    // It closes once, and `on` is cheaper than `once`.
    res.on("close", closed);
    if (res.socket !== null) return;
    // Its turn on the connection has not come, and Node does not tell it when the connection ends before that.
    const { socket } = res.req;
    socket.once("close", closed);
    res.once("close", () => socket.off("close", closed));
  }

  leave(): void {
    if (this.clientGone) return;
    this.clientGone = true;
    this.onClientGone();
  }

  /** One more attempt begins, in this instance. */
  attempt(lease: Lease): void {
    this.attempts++;
    this.instance = lease.instance.id;
    this.coldStart ||= lease.coldStart;
  }

  toInvocation(status: InvocationStatus, error: string | null, endedMs: number): Invocation {
    const { plan } = this;
    const query = plan.target.indexOf("?");
    this.#endedMs ??= endedMs;
    const durationMs = inMicroseconds(this.#endedMs - this.startedMs);
    return {
      id: this.invocationId,
      functionId: plan.callee.fn.id,
      functionVersion: plan.callee.target.version,
      source: plan.source,
      triggerId: plan.triggerId,
      status,
      method: plan.method,
      path: query === -1 ? plan.target : plan.target.slice(0, query),
      httpStatus: this.httpStatus,
      error,
      coldStart: this.coldStart,
      durationMs,
      waitMs: inMicroseconds(this.waitMs),
      attempts: this.attempts,
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
      instance: this.instance,
      acceptedAt: this.acceptedAt,
      finishedAt: new Date(this.acceptedAt.getTime() + durationMs),
    };
  }
}

/** The clock tells more digits than it knows. */
const inMicroseconds = (ms: number): number => Math.round(ms * 1_000) / 1_000;

/** A call over HTTP, with the two ends of its exchange. */
export interface HttpCall {
  readonly call: Call;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}
