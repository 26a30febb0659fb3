/** From a request's head and the route table to what is to be done about it. Pure. */
import { AppError } from "../errors/app-error.js";
import type { CallPlan } from "./call.js";
import { anyCorsHeaders, corsHeaders, preflightHeaders } from "./cors.js";
import { HeaderLines } from "./header-lines.js";
import { match } from "./match.js";
import type { RequestHead } from "./request-head.js";
import type { RouteTable } from "./route-table.js";

export type Plan =
  | { readonly type: "CALL"; readonly call: CallPlan }
  | { readonly type: "PREFLIGHT"; readonly headers: readonly string[] }
  | { readonly type: "REFUSED"; readonly error: AppError; readonly headers: readonly string[] };

export interface Caller {
  /** The method that a CORS preflight asks for. */
  readonly requestedMethod: string | undefined;
  /** Headers that are not the client's to set: Host, X-Forwarded-*. */
  readonly connectionHeaders: () => HeaderLines;
  readonly traceparent: () => string;
}

export function planCall(table: RouteTable, head: RequestHead, caller: Caller): Plan {
  const preflight = head.method === "OPTIONS" ? planPreflight(table, head, caller) : undefined;
  if (preflight !== undefined) return preflight;
  const found = match(table, head);
  if (found.type === "NOT_FOUND") {
    return {
      type: "REFUSED",
      error: new AppError("ROUTE_NOT_FOUND", "No route matches this host and path."),
      headers: [],
    };
  }
  if (found.type === "WRONG_METHOD") {
    const allow = found.allow.join(", ");
    const error = new AppError("METHOD_NOT_ALLOWED", `This path takes ${allow}.`);
    return { type: "REFUSED", error, headers: ["Allow", allow, ...anyCorsHeaders(found.policies, head.origin)] };
  }
  const { route, values } = found;
  const { cors } = route.trigger;
  const call: CallPlan = {
    callee: route.callee,
    route,
    values,
    source: "HTTP",
    triggerId: route.trigger.id,
    method: head.method,
    target: head.target,
    headers: [caller.connectionHeaders(), new HeaderLines(["traceparent", caller.traceparent(), ...head.endToEnd])],
    answerHeaders: corsHeaders(cors, head.origin),
    ownsCors: cors !== null,
    mode: route.trigger.mode,
    isInternal: false,
    isRecorded: true,
    endsWithCaller: false,
  };
  return { type: "CALL", call };
}

/** A preflight is answered by the policy of the route that the request itself would take, if that has one. */
function planPreflight(table: RouteTable, head: RequestHead, { requestedMethod }: Caller): Plan | undefined {
  if (head.origin === undefined || requestedMethod === undefined) return undefined;
  const found = match(table, { ...head, method: requestedMethod });
  if (found.type !== "FOUND" || found.route.trigger.cors === null) return undefined;
  const { cors, methods } = found.route.trigger;
  return { type: "PREFLIGHT", headers: preflightHeaders(cors, head.origin, methods) };
}
