/**
 * Every route at one moment: immutable, built from a snapshot, swapped whole. A reader never sees half of a change.
 *
 * Per host there is one map of the paths without parameters, and one tree of segments for templates and subtrees, so
 * finding a route costs as much as the path is long, however many routes there are. Paths are compared as sent, but for the
 * letter case of escapes: raw, segment by segment; `/users/` is not `/users`, `//` has an empty segment, and an empty segment is no parameter.
 * Letters outside ASCII in a trigger's path stand for their percent-encoded form, which is how clients send them.
 */
import { withUpperCaseEscapes } from "../model/route-path.js";
import type { CorsPolicy, HttpTrigger } from "../model/trigger.js";
import { createCallee, type Callee } from "./callee.js";
import type { RouteSnapshot } from "./route-source.js";

export interface Route {
  readonly trigger: HttpTrigger;
  readonly callee: Callee;
  /** Names of the `{parameters}`, from left to right. */
  readonly parameters: readonly string[];
  /** For `/a/b/*`: 2, the segments before the star; null for a path that ends where it ends. */
  readonly subtreeDepth: number | null;
}

/** The routes of one path, by method. HEAD is there wherever GET is. */
export interface Endpoint {
  readonly byMethod: ReadonlyMap<string, Route>;
}

export interface PathNode {
  readonly literals: ReadonlyMap<string, PathNode>;
  readonly parameter: PathNode | null;
  /** Of templates that end here. */
  readonly here: Endpoint | null;
  /** Of subtrees that begin here. */
  readonly below: Endpoint | null;
}

export interface HostRoutes {
  readonly exact: ReadonlyMap<string, Endpoint>;
  readonly root: PathNode;
}

export interface RouteTable {
  readonly byHost: ReadonlyMap<string, HostRoutes>;
  readonly anyHost: HostRoutes;
  readonly callees: ReadonlyMap<string, Callee>;
  /** CORS policies by trigger, of disabled ones too: what came through one may be asked after when it is off. */
  readonly policies: ReadonlyMap<string, CorsPolicy>;
}

class MutableEndpoint implements Endpoint {
  readonly byMethod = new Map<string, Route>();

  /** The first to claim a method keeps it, so of two equal triggers the older one is served. */
  add(route: Route): void {
    for (const method of route.trigger.methods) {
      if (!this.byMethod.has(method)) this.byMethod.set(method, route);
    }
  }

  followGet(): void {
    const get = this.byMethod.get("GET");
    if (get !== undefined && !this.byMethod.has("HEAD")) this.byMethod.set("HEAD", get);
  }
}

class MutableNode implements PathNode {
  readonly literals = new Map<string, MutableNode>();
  parameter: MutableNode | null = null;
  here: MutableEndpoint | null = null;
  below: MutableEndpoint | null = null;

  child(segment: string): MutableNode {
    if (isParameter(segment)) return (this.parameter ??= new MutableNode());
    return entry(this.literals, segment, () => new MutableNode());
  }

  finish(): void {
    this.here?.followGet();
    this.below?.followGet();
    this.parameter?.finish();
    for (const child of this.literals.values()) child.finish();
  }
}

class MutableHostRoutes implements HostRoutes {
  readonly exact = new Map<string, MutableEndpoint>();
  readonly root = new MutableNode();

  add(trigger: HttpTrigger, callee: Callee): void {
    const { path, segments, isSubtree } = readPattern(trigger.path);
    const parameters = segments.filter(isParameter).map((segment) => segment.slice(1, -1));
    const route: Route = { trigger, callee, parameters, subtreeDepth: isSubtree ? segments.length : null };
    if (!isSubtree && parameters.length === 0) {
      entry(this.exact, path, () => new MutableEndpoint()).add(route);
      return;
    }
    const node = segments.reduce((at: MutableNode, segment) => at.child(segment), this.root);
    if (isSubtree) (node.below ??= new MutableEndpoint()).add(route);
    else (node.here ??= new MutableEndpoint()).add(route);
  }

  finish(): void {
    for (const endpoint of this.exact.values()) endpoint.followGet();
    this.root.finish();
  }
}

/** Disabled triggers, and those whose function is not in the snapshot, are left out. */
export function buildRouteTable(snapshot: RouteSnapshot): RouteTable {
  const callees = new Map(snapshot.functions.map((fn) => [fn.id, createCallee(fn)]));
  const byHost = new Map<string, MutableHostRoutes>();
  const anyHost = new MutableHostRoutes();
  for (const trigger of [...snapshot.triggers].sort(olderFirst)) {
    const callee = callees.get(trigger.functionId);
    if (!trigger.enabled || callee === undefined) continue;
    const routes =
      trigger.host === null ? anyHost : entry(byHost, trigger.host.toLowerCase(), () => new MutableHostRoutes());
    routes.add(trigger, callee);
  }
  for (const routes of [anyHost, ...byHost.values()]) routes.finish();
  const policies = new Map(snapshot.triggers.flatMap(({ id, cors }) => (cors === null ? [] : [[id, cors]])));
  return { byHost, anyHost, callees, policies };
}

function readPattern(pattern: string): { path: string; segments: string[]; isSubtree: boolean } {
  const path = withUpperCaseEscapes(pattern.replace(/\P{ASCII}+/gu, encodeURIComponent));
  const isSubtree = path.endsWith("/*");
  const segments = path.slice(1).split("/");
  return { path, segments: isSubtree ? segments.slice(0, -1) : segments, isSubtree };
}

const isParameter = (segment: string): boolean => /^\{[^{}]+\}$/.test(segment);

const olderFirst = (a: HttpTrigger, b: HttpTrigger): number =>
  a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}

export const emptyRouteTable: RouteTable = buildRouteTable({ functions: [], triggers: [] });
