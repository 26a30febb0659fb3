/**
 * Which route a request takes. Pure.
 *
 * Of the triggers whose host, path and method fit, the first by this order wins: a named host before any host; a path
 * without parameters before a template before a subtree; between templates a literal segment before a parameter, from
 * left to right; between subtrees the one with more segments, then again literals first. `/x/*` takes `/x` too.
 * Work is proportional to the path's segments; where a literal and a parameter both fit a segment, both are looked at.
 */
import { withUpperCaseEscapes } from "../model/route-path.js";
import type { CorsPolicy } from "../model/trigger.js";
import type { Endpoint, HostRoutes, PathNode, Route, RouteTable } from "./route-table.js";

export interface RequestLine {
  readonly method: string;
  /** As in the Host header, with or without a port; undefined where there is none. */
  readonly host: string | undefined;
  /** As sent, without the query. */
  readonly path: string;
}

export type Match =
  | {
      readonly type: "FOUND";
      readonly route: Route;
      /** Raw segments, one per parameter. */
      readonly values: readonly string[];
    }
  /** The path has routes, but none for the method. */
  | {
      readonly type: "WRONG_METHOD";
      readonly allow: readonly string[];
      /** Of the path's routes that have one. */
      readonly policies: readonly CorsPolicy[];
    }
  | { readonly type: "NOT_FOUND" };

const notFound: Match = { type: "NOT_FOUND" };
const noValues: readonly string[] = [];

export function match(table: RouteTable, line: RequestLine): Match {
  const path = withUpperCaseEscapes(line.path);
  const named = table.byHost.size === 0 ? undefined : table.byHost.get(hostName(line.host));
  const found = (named && findRoute(named, line, path)) ?? findRoute(table.anyHost, line, path);
  return found ?? missed([named, table.anyHost], path);
}

/** `path` is that of the line in the form in which it is compared. */
function findRoute(routes: HostRoutes, { method, path: sent }: RequestLine, path: string): Match | undefined {
  const exact = routes.exact.get(path)?.byMethod.get(method);
  if (exact !== undefined) return { type: "FOUND", route: exact, values: noValues };
  const search = new Search(method, path, sent);
  const route = search.template(routes.root, 1) ?? search.subtree(routes.root);
  return route && { type: "FOUND", route, values: search.values };
}

/** One walk through the tree; `at` is where the next segment begins, beyond the path's end after the last one. */
class Search {
  values: string[] = [];
  #best: { readonly route: Route; readonly depth: number; readonly values: string[] } | undefined;

  constructor(
    readonly method: string,
    readonly path: string,
    /** As long as the path, and as it was sent: values are taken from it. */
    readonly sent: string,
  ) {}

  template(node: PathNode, at: number): Route | undefined {
    if (at > this.path.length) return node.here?.byMethod.get(this.method);
    const end = segmentEnd(this.path, at);
    const segment = this.path.slice(at, end);
    const literal = node.literals.get(segment);
    const route = literal && this.template(literal, end + 1);
    if (route !== undefined || node.parameter === null || segment === "") return route;
    this.values.push(this.sent.slice(at, end));
    const deeper = this.template(node.parameter, end + 1);
    if (deeper === undefined) this.values.pop();
    return deeper;
  }

  subtree(root: PathNode): Route | undefined {
    this.#deepest(root, 1, 0);
    if (this.#best !== undefined) this.values = this.#best.values;
    return this.#best?.route;
  }

  #deepest(node: PathNode, at: number, depth: number): void {
    const route = node.below?.byMethod.get(this.method);
    if (route !== undefined && (this.#best === undefined || depth > this.#best.depth)) {
      this.#best = { route, depth, values: [...this.values] };
    }
    if (at > this.path.length) return;
    const end = segmentEnd(this.path, at);
    const segment = this.path.slice(at, end);
    const literal = node.literals.get(segment);
    if (literal !== undefined) this.#deepest(literal, end + 1, depth + 1);
    if (node.parameter === null || segment === "") return;
    this.values.push(this.sent.slice(at, end));
    this.#deepest(node.parameter, end + 1, depth + 1);
    this.values.pop();
  }
}

function missed(all: readonly (HostRoutes | undefined)[], path: string): Match {
  const allow = new Set<string>();
  const policies = new Set<CorsPolicy>();
  for (const routes of all) {
    if (routes === undefined) continue;
    const endpoints = [routes.exact.get(path), ...endpointsOn(routes.root, path, 1)];
    for (const [method, { trigger }] of endpoints.flatMap((endpoint) => [...(endpoint?.byMethod ?? [])])) {
      allow.add(method);
      if (trigger.cors !== null) policies.add(trigger.cors);
    }
  }
  return allow.size === 0 ? notFound : { type: "WRONG_METHOD", allow: [...allow].sort(), policies: [...policies] };
}

function* endpointsOn(node: PathNode, path: string, at: number): Generator<Endpoint> {
  if (node.below !== null) yield node.below;
  if (at > path.length) {
    if (node.here !== null) yield node.here;
    return;
  }
  const end = segmentEnd(path, at);
  const segment = path.slice(at, end);
  const literal = node.literals.get(segment);
  if (literal !== undefined) yield* endpointsOn(literal, path, end + 1);
  if (node.parameter !== null && segment !== "") yield* endpointsOn(node.parameter, path, end + 1);
}

function segmentEnd(path: string, at: number): number {
  const slash = path.indexOf("/", at);
  return slash === -1 ? path.length : slash;
}

/** In lower case, without port and final dot. */
function hostName(host: string | undefined): string {
  if (host === undefined) return "";
  const name = host.toLowerCase().replace(/:\d*$/, "");
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
