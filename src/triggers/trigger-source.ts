/**
 * The port between the triggers role and what makes triggers of one kind call their functions. A source learns of its
 * triggers from their present state alone, calls through the one door (`Invoker`), and knows no instances.
 */
import type { Stoppable } from "../lib/stoppable.js";
import type { Trigger, TriggerCondition } from "../model/trigger.js";

export interface TriggerSource extends Stoppable {
  /** Begins with the triggers that there are. Never rejects: with the store away it begins when the store is back. */
  start(): void;
  /** Something may have changed: the present triggers are read again, soon. Cheap, and may be called at any rate. */
  lookAgain(): void;
  /** Calls nothing new, and resolves when what it has called is over or given up, within a bound. */
  stop(): Promise<void>;
}

/** The triggers of one kind, read in whichever way is cheap. */
export interface LivingTriggers<T extends Trigger> {
  /** All that are not deleted, disabled ones too, at one moment. Rejects while the store is away. */
  load(): Promise<readonly T[]>;
}

/** Where a source says how its triggers do. */
export interface TriggerStatuses {
  /**
   * Takes note and returns at once; it is written soon, and only where something is different. `reason` is in words that
   * a person can act on, null for READY. A trigger that was changed, or switched off and on, is another to this.
   */
  report(trigger: Pick<Trigger, "id" | "revision">, condition: TriggerCondition, reason: string | null): void;
  /**
   * Writes once more what was reported, as other processes may have said something else since. That a trigger is READY
   * takes the place only of what was said minutes ago: whoever said so may know better.
   */
  confirm(trigger: Pick<Trigger, "id">, condition: TriggerCondition, reason: string | null): void;
}
