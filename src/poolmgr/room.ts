/** What is known when room is short: who lacks instances, and who might give one up. */

/** What one version of a function still lacks: for the requests that wait, or (another Want) for `minInstances`. */
export interface Want {
  readonly functionId: string;
  readonly version: number;
  readonly count: number;
  /** Requests wait for it; else it is only `minInstances` that are missing. */
  readonly isAsked: boolean;
  /** Instances of this version that serve or soon will. */
  readonly serving: number;
  /** Instances that the function holds, from claim to end. */
  readonly holding: number;
  /** When it began to lack them, or was given one last: the longer ago, the sooner. */
  readonly sinceMs: number;
}

/** A READY instance, as a candidate to give way. */
export interface Occupant {
  readonly id: string;
  readonly functionId: string;
  readonly version: number;
  /** As far as routers have said. */
  readonly inFlight: number;
  readonly idleMs: number;
  /** Since it was ready. */
  readonly ageMs: number;
  /** A router has said what it does. */
  readonly isReported: boolean;
  /** It is one of its function's `minInstances`: the last to give way. */
  readonly isKept: boolean;
}

export interface Room {
  readonly nowMs: number;
  /** Instances that may still be claimed; negative where the bound was lowered. */
  readonly free: number;
  /** Of `free`: what only a function's first instance may take, so that whoever is called next finds a place. */
  readonly reserve: number;
  /** Instances on their way out that have no request left, and those that have and were sent out less than a turn ago. */
  readonly draining: { readonly idle: number; readonly busy: number };
  readonly wants: readonly Want[];
  readonly occupants: readonly Occupant[];
}

export interface Claimant extends Want {
  granted: number;
}
