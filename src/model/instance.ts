import type { InstanceState } from "./instance-state.js";

/** One pod (on Kubernetes) or one process (embedded), as shown to users. */
export interface Instance {
  readonly id: string;
  readonly state: InstanceState;
  /** host:port */
  readonly address: string | null;
  readonly environmentId: string;
  readonly functionId: string | null;
  readonly functionVersion: number | null;
  readonly inFlight: number;
  readonly startedAt: Date;
  readonly specializedAt: Date | null;
  readonly lastUsedAt: Date | null;
  /** Why it does not come up, in words; null where nothing is known to be wrong. */
  readonly problem: string | null;
}

export interface Pool {
  readonly environmentId: string;
  readonly warm: number;
  readonly starting: number;
  readonly specialized: number;
  /** Why it can't be filled, in words; null where nothing is known to be wrong. */
  readonly problem: string | null;
  readonly instances: readonly Instance[];
}
