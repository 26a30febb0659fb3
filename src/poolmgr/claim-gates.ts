/** What is remembered of environments whose pools give no instance, so that those who wait for one hold up nobody else. */
import { Backoff } from "../lib/backoff.js";
import type { Launch } from "./launch.js";

/** Much longer than an instance takes to start: a launch that has waited so long for one may wait for ever. */
export const stalledAfterMs = 5_000;

interface ClaimGate {
  readonly backoff: Backoff;
  message: string;
}

export class ClaimGates {
  readonly #gates = new Map<string, ClaimGate>();

  /** Claims that fail together count once. Returns after how many milliseconds the next one makes sense. */
  failed(environmentId: string, message: string, nowMs: number): number {
    const gate = this.#gates.get(environmentId) ?? { backoff: new Backoff(100, 5_000), message };
    this.#gates.set(environmentId, gate);
    gate.message = message;
    if (gate.backoff.remainingMs(nowMs) === 0) gate.backoff.fail(nowMs);
    return gate.backoff.remainingMs(nowMs);
  }

  succeeded(environmentId: string): void {
    this.#gates.delete(environmentId);
  }

  /** Why nothing is to be claimed now; undefined where it may be. */
  closed(environmentId: string, nowMs: number): { message: string; retryAfterMs: number } | undefined {
    const gate = this.#gates.get(environmentId);
    const retryAfterMs = gate?.backoff.remainingMs(nowMs) ?? 0;
    return gate === undefined || retryAfterMs === 0 ? undefined : { message: gate.message, retryAfterMs };
  }
}

/**
 * Launches that have waited too long for their pool, beyond the first of each environment, which shows when it gives
 * instances again: they hold places of the machine that others could use.
 */
export function planStalled(launches: Iterable<Launch>, nowMs: number): StalledPools {
  const waiting = new Map<string, Launch[]>();
  for (const launch of launches) {
    const isStalled =
      launch.stage === "CLAIM" && !launch.isCancelled && nowMs - launch.claimingSinceMs >= stalledAfterMs;
    if (isStalled) waiting.set(launch.environmentId, [...(waiting.get(launch.environmentId) ?? []), launch]);
  }
  return { environmentIds: new Set(waiting.keys()), surplus: [...waiting.values()].flatMap((each) => each.slice(1)) };
}

export interface StalledPools {
  readonly environmentIds: ReadonlySet<string>;
  readonly surplus: readonly Launch[];
}
