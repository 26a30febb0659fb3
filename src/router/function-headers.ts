/** What an instance is told beside the caller's own headers. Pure. */
import type { IncomingHttpHeaders } from "node:http";
import { logTag } from "../lib/log-tag.js";
import type { GrantedInstance } from "../poolmgr/router-link.js";
import type { Callee } from "./callee.js";
import { HeaderLines } from "./header-lines.js";

/** What a function may know of the route that was taken. */
export interface RouteOfOrigin {
  readonly trigger: { readonly name: string };
  /** Names of the `{parameters}`, from left to right. */
  readonly parameters: readonly string[];
  /** For `/a/b/*`: 2, the segments before the star; null for a path that ends where it ends. */
  readonly subtreeDepth: number | null;
}

/** How a request came to its function. Without a route: through the invoke door. */
export interface Origin {
  readonly callee: Callee;
  readonly invocationId: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly route: RouteOfOrigin | null;
  /** Raw segments, one per parameter of the route. */
  readonly values: readonly string[];
}

/**
 * Headers of Fermi, and for Fission's images those that Fission's router sends. Such an image hands every header on to
 * user code, so it gets nothing that is secret: neither the instance's key nor what is derived from it.
 */
export function functionHeaders(origin: Origin, instance: GrantedInstance): HeaderLines[] {
  const { callee, invocationId, route, values } = origin;
  const headers = ["X-Fermi-Invocation-Id", invocationId];
  if (instance.contract === "FERMI") {
    headers.push("X-Fermi-Key", instance.key, "X-Fermi-Log-Tag", logTag(instance.key, invocationId));
  }
  if (route !== null) {
    headers.push("X-Fermi-Trigger", route.trigger.name);
    for (const [i, name] of route.parameters.entries()) {
      headers.push(`X-Fermi-Param-${name}`, parameterValue(values[i] ?? ""));
    }
  }
  if (instance.contract !== "FERMI") headers.push(...fissionHeaders(origin));
  return [callee.headers, new HeaderLines(headers)];
}

function fissionHeaders({ callee, invocationId, target, route, values }: Origin): string[] {
  const headers = [
    "X-Fission-Function-Name",
    callee.fn.name,
    "X-Fission-Function-Namespace",
    callee.fn.namespace,
    "X-Fission-Function-Uid",
    callee.fn.id,
    "X-Fission-Full-Url",
    target,
    "X-Fission-Request-ID",
    invocationId,
  ];
  for (const [i, name] of (route?.parameters ?? []).entries()) {
    headers.push(`X-Fission-Params-${name}`, parameterValue(values[i] ?? ""));
  }
  return headers;
}

/**
 * The path that an instance is asked for: as sent; for Fission's images what Fission's router would send: `/`, or the
 * rest after a subtree's prefix, or what an invocation without a route asks for. The query stays in any case.
 */
export function functionPath({ target, route }: Origin, instance: GrantedInstance): string {
  if (instance.contract === "FERMI" || route === null) return target;
  const query = target.indexOf("?");
  const path = query === -1 ? target : target.slice(0, query);
  const search = query === -1 ? "" : target.slice(query);
  const depth = route.subtreeDepth;
  if (depth === null) return `/${search}`;
  return `/${path
    .split("/")
    .slice(depth + 1)
    .join("/")}${search}`;
}

/**
 * A path parameter as a header: percent-decoded, but for `%` itself and what can't stand in a header, which are
 * percent-encoded; so `decodeURIComponent` of the header gives the value in every case. A segment that is no valid
 * UTF-8 is handed over as it was sent.
 */
export function parameterValue(segment: string): string {
  const decoded = decode(segment);
  return /^[\x21-\x24\x26-\x7e]*$/.test(decoded) ? decoded : reencode(decoded);
}

function decode(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** A space inside stays; at an end it would be trimmed off the header. */
const reencode = (value: string): string =>
  value.replace(/^ +| +$|[^\x20-\x24\x26-\x7e]+/gu, (text) => encodeURIComponent(text));

/** The caller's trace, or a new one whose id is the invocation's. */
export function traceparent(incoming: IncomingHttpHeaders, invocationId: string): string {
  const { traceparent: given } = incoming;
  if (
    typeof given === "string" &&
    /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}/.test(given)
  ) {
    return given;
  }
  // Put together from the id's groups: this is made for nearly every request.
  const half = invocationId.slice(19, 23) + invocationId.slice(24);
  return `00-${invocationId.slice(0, 8)}${invocationId.slice(9, 13)}${invocationId.slice(14, 18)}${half}-${half}-01`;
}
