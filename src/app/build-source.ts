import type { Invoker } from "../invocations/invoker.js";
import type { TriggerSource, TriggerStatuses } from "../triggers/trigger-source.js";
import type { QueueBroker } from "../triggers/queue/queue-broker.js";
import type { Foundation } from "./foundation.js";

export interface SourceNeeds {
  readonly foundation: Foundation;
  /** Undefined where this installation has none. */
  readonly nats: QueueBroker | undefined;
  readonly statuses: TriggerStatuses;
  readonly invoker: Invoker;
  /** Asked before each call: false from the moment on at which another process may lead. Always true for shared ones. */
  readonly leads: () => boolean;
  /** What goes on after a source was stopped, while another process may lead. */
  readonly linger: (work: Promise<void>) => void;
}

/** Undefined where this installation has no such source. */
export type BuildSource = (needs: SourceNeeds) => TriggerSource | undefined;
