import type { Target } from "../poolmgr/router-link.js";
import { HeaderLines } from "./header-lines.js";
import type { RoutedFunction } from "./route-source.js";

/** A target together with the text under which the slot table finds it, made once rather than per request. */
export interface KeyedTarget extends Target {
  readonly key: string;
}

/** One version of a function as a request needs it; whatever is the same for each request is made here once. */
export interface Callee {
  readonly fn: RoutedFunction;
  readonly target: KeyedTarget;
  readonly timeoutMs: number;
  /** Labels of records and metrics. */
  readonly of: { readonly namespace: string; readonly functionName: string };
  /** Request headers that every call of it carries. */
  readonly headers: HeaderLines;
}

export const keyedTarget = (functionId: string, version: number): KeyedTarget => ({
  functionId,
  version,
  key: `${functionId}@${version}`,
});

/** The function's current version, or the one given. */
export function createCallee(fn: RoutedFunction, version = fn.currentVersionNumber): Callee {
  return {
    fn,
    target: keyedTarget(fn.id, version),
    timeoutMs: fn.settings.timeoutSeconds * 1000,
    of: { namespace: fn.namespace, functionName: fn.name },
    headers: HeaderLines.kept(["X-Fermi-Function", fn.name, "X-Fermi-Function-Version", String(version)]),
  };
}
