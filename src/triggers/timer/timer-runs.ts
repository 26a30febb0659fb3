/** What the timers need of the store: the record by which each due time is run once at most. */
import type { TriggerCondition } from "../../model/trigger.js";

export interface RunAsked {
  readonly triggerId: string;
  /** Of the trigger as it is known here. */
  readonly revision: number;
  readonly dueAt: Date;
}

/**
 * RUN: it is this caller's to run, and nobody else's ever. SKIPPED: the run before is not over, and the trigger does not
 * want two. KNOWN: it was decided on before. CHANGED: the trigger is no longer as it was known; nothing was decided.
 * A run is over after `withinMs`, whatever becomes of it.
 */
export type RunAnswer =
  { readonly outcome: "RUN"; readonly withinMs: number } | { readonly outcome: "SKIPPED" | "KNOWN" | "CHANGED" };

export interface RunFinished {
  readonly triggerId: string;
  readonly dueAt: Date;
}

export interface KnownTimer {
  /** The last due time that was decided on. */
  readonly decidedAt: Date | null;
  /** What was said of the trigger last. */
  readonly condition: TriggerCondition | null;
}

/** Rejects while the store is away. */
export interface TimerRuns {
  /** By trigger id; a trigger may be asked for once at a time. */
  ask(asked: readonly RunAsked[]): Promise<Map<string, RunAnswer>>;
  finish(finished: readonly RunFinished[]): Promise<void>;
  /** Of each trigger of which anything is known. */
  known(triggerIds: readonly string[]): Promise<Map<string, KnownTimer>>;
}
