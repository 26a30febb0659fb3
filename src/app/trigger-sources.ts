/** What calls functions by itself, in the role `triggers`: a line for each kind of trigger. */
import type { Invoker } from "../invocations/invoker.js";
import type { TriggerSource, TriggerStatuses } from "../triggers/trigger-source.js";
import type { Foundation } from "./foundation.js";

export interface SourceNeeds {
  readonly foundation: Foundation;
  readonly statuses: TriggerStatuses;
  readonly invoker: Invoker;
  /** Asked before each call: false from the moment on at which another process may lead. Always true for shared ones. */
  readonly leads: () => boolean;
}

/** Undefined where this installation has no such source. */
export type BuildSource = (needs: SourceNeeds) => TriggerSource | undefined;

/** Run by the one process that leads, for as long as it does. */
export const leaderSources: readonly BuildSource[] = [];

/** Run by every process of the role, beside each other. */
export const sharedSources: readonly BuildSource[] = [];
