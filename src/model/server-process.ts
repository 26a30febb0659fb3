import type { Check } from "./check.js";

/** A process of this installation, as it has reported itself. */
export interface ServerProcess {
  readonly id: string;
  readonly roles: readonly string[];
  /** The machine's name; on Kubernetes the pod's. */
  readonly host: string;
  readonly version: string;
  readonly startedAt: Date;
  /** Why it should get no traffic, in words; null where it should. */
  readonly unready: string | null;
  /** The roles in which it is the one that works at present. */
  readonly leads: readonly string[];
  /** What runs the instances, in words, where it can tell. */
  readonly cluster: string | null;
  readonly checks: readonly Check[];
}
