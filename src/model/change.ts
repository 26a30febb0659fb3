import type { Environment } from "./environment.js";
import type { FunctionSpec } from "./function.js";
import type { ChangeType } from "./resource.js";
import {
  triggerTypeNames,
  type HttpTrigger,
  type KubernetesWatchTrigger,
  type QueueTrigger,
  type TimeTrigger,
  type Trigger,
} from "./trigger.js";

/** One row of the outbox: what was written, in the order of commits. */
export type Change = ChangedResource & {
  /** Decimal text; grows with each commit. */
  readonly sequence: string;
  readonly type: ChangeType;
};

/** The resource as it was then; for DELETED, as it was last. */
export type ChangedResource =
  | { readonly kind: "Environment"; readonly resource: Environment }
  | { readonly kind: "Function"; readonly resource: FunctionSpec }
  | { readonly kind: "HttpTrigger"; readonly resource: HttpTrigger }
  | { readonly kind: "TimeTrigger"; readonly resource: TimeTrigger }
  | { readonly kind: "KubernetesWatchTrigger"; readonly resource: KubernetesWatchTrigger }
  | { readonly kind: "QueueTrigger"; readonly resource: QueueTrigger };

export const changedTrigger = (trigger: Trigger): ChangedResource =>
  ({ kind: triggerTypeNames[trigger.kind], resource: trigger }) as ChangedResource;
