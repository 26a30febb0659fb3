/**
 * Routes whose callers do not wait: the request is stored, and answered with 202 and the address of its status only then.
 * The address carries a secret of its own, so that an id alone, which stands in logs and headers, opens nothing.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { AppError } from "../errors/app-error.js";
import type { AsyncRequest } from "../invocations/async-invocations.js";
import type { Clock } from "../lib/clock.js";
import { asyncLimits } from "../model/async-invocation.js";
import type { Accepted } from "../model/async-work.js";
import type { Invocation, InvocationResult } from "../model/invocation.js";
import type { CorsPolicy, RouteMode } from "../model/trigger.js";
import type { CallPlan } from "./call.js";
import { corsHeaders, exposing, preflightHeaders } from "./cors.js";
import type { PlannedRequest } from "./handle-request.js";
import { listOf } from "./header-lines.js";
import type { KeptBodies } from "./kept-bodies.js";
import { malformed, type RequestHead } from "./request-head.js";
import { stopUpload } from "./stop-upload.js";
import { toAppError, writeError } from "./write-error.js";

/** Where requests are stored, and asked after. */
export interface AsyncIntake {
  /** Resolves when it is stored. */
  enqueue(request: AsyncRequest): Promise<Accepted>;
  /** For who has the secret that was given when it was accepted. */
  status(id: string, token: string): Promise<Told | undefined>;
}

interface Told {
  readonly invocation: Invocation;
  readonly result: InvocationResult | null;
}

export interface AsyncDoorOptions {
  readonly intake: AsyncIntake;
  readonly bodies: KeptBodies;
  /** The CORS policy of a route as it is now, by its trigger; undefined where it is gone or has none. */
  readonly policyOf: (triggerId: string) => CorsPolicy | undefined;
  readonly clock: Clock;
  readonly mustClose: () => boolean;
}

const prefix = "/-/invocations/";
const defaultAttempts = 3;
const statusMethods = ["GET", "HEAD"];
/** Headers of a 202 that a page needs for going on. */
const acceptedHeaders = ["Location", "X-Fermi-Invocation-Id", "Preference-Applied"];

export const isStatusPath = (path: string): boolean => path.startsWith(prefix);

/** RFC 7240: a list of preferences, each perhaps with parameters. */
export const prefersAsync = (prefer: string | string[] | undefined): boolean =>
  String(prefer ?? "")
    .split(",")
    .some((one) => /^\s*respond-async\s*(;|$)/i.test(one));

export const isAsyncCall = (mode: RouteMode, prefer: string | string[] | undefined): boolean =>
  mode === "ASYNC" || (mode === "ASYNC_ALLOWED" && prefersAsync(prefer));

export class AsyncDoor {
  constructor(private readonly options: AsyncDoorOptions) {}

  /** Stores a request of a route. Answers in any case, and never rejects. */
  async accept({ req, res, head, plan, invocationId }: PlannedRequest): Promise<void> {
    const { intake, bodies } = this.options;
    try {
      const idempotencyKey = readKey(req.headers["idempotency-key"]);
      const accepted = await bodies.use({ req, res, head }, asyncLimits.bodyBytes, (body) =>
        intake.enqueue({ ...requestOf(plan), id: invocationId, idempotencyKey, body }),
      );
      const applied = prefersAsync(req.headers.prefer) ? ["Preference-Applied", "respond-async"] : [];
      this.#answerAccepted(res, accepted, [...exposing(plan.answerHeaders, acceptedHeaders), ...applied]);
    } catch (error) {
      this.#fail(req, res, error, { invocationId, headers: plan.answerHeaders });
    }
  }

  /**
   * Tells how far an invocation has come, to pages that may read answers of the route that it came through. Answers in
   * any case, and never rejects.
   */
  async tell(req: IncomingMessage, res: ServerResponse, head: RequestHead, invocationId: string): Promise<void> {
    try {
      const isPreflight = head.method === "OPTIONS" && req.headers["access-control-request-method"] !== undefined;
      if (!statusMethods.includes(head.method) && !isPreflight) {
        throw new AppError("METHOD_NOT_ALLOWED", `This path takes ${statusMethods.join(", ")}.`);
      }
      const found = await this.#find(head);
      const { triggerId } = found.invocation;
      const policy = triggerId === null ? undefined : this.options.policyOf(triggerId);
      if (isPreflight) this.#answerPreflight(res, policy, head.origin);
      else this.#answerStatus(res, found, corsHeaders(policy ?? null, head.origin));
    } catch (error) {
      const isWrong = error instanceof AppError && error.code === "METHOD_NOT_ALLOWED";
      this.#fail(req, res, error, { invocationId, headers: isWrong ? ["Allow", statusMethods.join(", ")] : [] });
    }
  }

  async #find(head: RequestHead): Promise<Told> {
    const token = new URLSearchParams(head.target.slice(head.path.length)).get("token") ?? "";
    const found = await this.options.intake.status(head.path.slice(prefix.length), token);
    if (found === undefined) throw unknown();
    return found;
  }

  #answerStatus(res: ServerResponse, found: Told, cors: readonly string[]): void {
    const isOver = found.invocation.finishedAt !== null;
    const own = ["Cache-Control", "no-store", ...(isOver ? [] : ["Retry-After", "1"])];
    this.#answer(res, 200, statusOf(found), [...own, ...exposing(cors, ["Retry-After"])]);
  }

  /** The route's own methods are nothing to this path. */
  #answerPreflight(res: ServerResponse, policy: CorsPolicy | undefined, origin: string | undefined): void {
    const isReadable = policy !== undefined && origin !== undefined;
    const cors = isReadable ? preflightHeaders({ ...policy, allowMethods: statusMethods }, origin, statusMethods) : [];
    const close = this.options.mustClose() ? ["Connection", "close"] : [];
    if (!res.headersSent && !res.destroyed) res.writeHead(204, [...cors, ...close]).end();
  }

  #answerAccepted(res: ServerResponse, { invocation, statusToken }: Accepted, headers: readonly string[]): void {
    const { id, status } = invocation;
    const location = `${prefix}${id}?token=${statusToken}`;
    const own = ["Location", location, "X-Fermi-Invocation-Id", id, "Cache-Control", "no-store"];
    this.#answer(res, 202, { id, status, location }, [...own, ...headers]);
  }

  #answer(res: ServerResponse, status: number, body: object, headers: readonly string[]): void {
    if (res.headersSent || res.destroyed) return;
    const text = JSON.stringify(body);
    const content = ["Content-Type", "application/json", "Content-Length", String(Buffer.byteLength(text))];
    const close = this.options.mustClose() ? ["Connection", "close"] : [];
    res.writeHead(status, [...content, ...headers, ...close]).end(res.req.method === "HEAD" ? undefined : text);
  }

  #fail(
    req: IncomingMessage,
    res: ServerResponse,
    error: unknown,
    { invocationId, headers }: { readonly invocationId: string; readonly headers: readonly string[] },
  ): void {
    const close = req.complete && !this.options.mustClose() ? [] : ["Connection", "close"];
    writeError(res, toAppError(error), invocationId, [...headers, ...close]);
    if (!req.complete) stopUpload(req, res, this.options.clock);
  }
}

/** Who has the wrong secret learns no more than who has the wrong id. */
const unknown = (): AppError => new AppError("NOT_FOUND", "There is no such invocation, or it is no longer kept.");

/** As it is to reach the function later, whatever becomes of its route. */
const requestOf = ({
  callee,
  route,
  values,
  ...plan
}: CallPlan): Omit<AsyncRequest, "id" | "body" | "idempotencyKey"> => ({
  namespace: callee.fn.namespace,
  functionId: callee.fn.id,
  version: null,
  currentVersion: callee.fn.currentVersionNumber,
  source: plan.source,
  triggerId: plan.triggerId,
  method: plan.method,
  target: plan.target,
  headers: pairs(listOf(plan.headers)),
  route: route && {
    trigger: route.trigger.name,
    parameters: route.parameters,
    values,
    subtreeDepth: route.subtreeDepth,
  },
  delaySeconds: 0,
  maxAttempts: defaultAttempts,
  ...{ onSuccess: null, onFailure: null },
});

const pairs = (list: readonly string[]): [string, string][] =>
  Array.from({ length: list.length / 2 }, (_, index) => [list[2 * index] ?? "", list[2 * index + 1] ?? ""]);

function readKey(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  const key = String(header);
  const { idempotencyKeyCharacters: most } = asyncLimits;
  if (key.length > 0 && key.length <= most && /^[\x20-\x7e]+$/.test(key)) return key;
  throw malformed(`Idempotency-Key must be 1 to ${most} characters of ASCII.`);
}

const statusOf = ({ invocation, result }: Told): object => ({
  id: invocation.id,
  status: invocation.status,
  attempts: invocation.attempts,
  acceptedAt: invocation.acceptedAt,
  finishedAt: invocation.finishedAt,
  error: invocation.error,
  result,
});
