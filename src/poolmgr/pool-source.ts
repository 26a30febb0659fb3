import type { Environment } from "../model/environment.js";
import type { FunctionCode, FunctionSpec } from "../model/function.js";

/** What the pool manager needs of the store: the present state, code on demand, and a word when to look again. */
export interface PoolSource {
  load(): Promise<{ environments: readonly Environment[]; functions: readonly FunctionSpec[] }>;
  /** The code of one version; undefined where there is none (any more). */
  code(functionId: string, version: number): Promise<FunctionCode | undefined>;
  subscribe(onChange: () => void): { stop(): void };
}
