import type { Environment } from "../../../../src/model/environment.js";
import type { FunctionCode, FunctionSpec } from "../../../../src/model/function.js";
import type { PoolSource } from "../../../../src/poolmgr/pool-source.js";
import { aCode } from "./builders.js";

/** A store in memory that can be away. */
export class FakeSource implements PoolSource {
  environments: Environment[] = [];
  functions: FunctionSpec[] = [];
  /** What every call rejects with, while set. */
  failure: Error | undefined;
  /** Codes that differ from the default; null is "no such version". */
  readonly codes = new Map<string, FunctionCode | null>();
  readonly asked: string[] = [];
  loads = 0;
  readonly #listeners = new Set<() => void>();

  async load(): Promise<{ environments: Environment[]; functions: FunctionSpec[] }> {
    this.loads++;
    if (this.failure !== undefined) throw this.failure;
    return { environments: [...this.environments], functions: [...this.functions] };
  }

  async code(functionId: string, version: number): Promise<FunctionCode | undefined> {
    this.asked.push(`${functionId}@${version}`);
    if (this.failure !== undefined) throw this.failure;
    const known = this.codes.get(`${functionId}@${version}`);
    const environmentId = this.functions.find(({ id }) => id === functionId)?.environmentId;
    return known === null ? undefined : (known ?? aCode(functionId, version, { environmentId }));
  }

  subscribe(onChange: () => void): { stop(): void } {
    this.#listeners.add(onChange);
    return { stop: () => void this.#listeners.delete(onChange) };
  }

  get subscribers(): number {
    return this.#listeners.size;
  }

  announce(): void {
    for (const listener of this.#listeners) listener();
  }
}
