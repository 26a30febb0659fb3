import type { Instance, Pool } from "./instance.js";

/** What is shown of the pools: the present state from memory, and a word when it has changed. */
export interface PoolView {
  /** One for every environment there is, also while it has no instance. */
  pools(): readonly Pool[];
  /** The function's instances of all versions, oldest first. */
  instancesOf(functionId: string): readonly Instance[];
  /** Tells, a moment later and once for many changes, of which pool the counts have changed. */
  onChange(listener: (environmentId: string) => void): { stop(): void };
}
