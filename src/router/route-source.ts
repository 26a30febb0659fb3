import type { RuntimeContract } from "../model/environment.js";
import type { FunctionSpec } from "../model/function.js";
import type { HttpTrigger } from "../model/trigger.js";

/** A function as the router needs it: its settings and the contract of its current version's environment. */
export interface RoutedFunction extends FunctionSpec {
  readonly contract: RuntimeContract;
}

/** Everything a route table is built from, read at one moment. */
export interface RouteSnapshot {
  readonly functions: readonly RoutedFunction[];
  readonly triggers: readonly HttpTrigger[];
}

/** What the router needs of the store: the present state, and a word when to look again. */
export interface RouteSource {
  load(): Promise<RouteSnapshot>;
  /** Calls `onChange` soon after each commit that may matter here. */
  subscribe(onChange: () => void): { stop(): void };
}
