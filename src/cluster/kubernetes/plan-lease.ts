/** When a Kubernetes Lease may be taken: pure. */
export interface Lease {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number | null;
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number | null;
  };
}

/** A lease as it was seen last, and since when it looks like that: by our own clock, for clocks of machines differ. */
export interface LeaseSight {
  readonly lease: Lease;
  readonly unchangedSinceMs: number;
}

export function look(before: LeaseSight | undefined, lease: Lease, nowMs: number): LeaseSight {
  const isSame = before?.lease.metadata.resourceVersion === lease.metadata.resourceVersion;
  return { lease, unchangedSinceMs: isSame && before !== undefined ? before.unchangedSinceMs : nowMs };
}

export const holderOf = ({ spec }: Lease): string => spec?.holderIdentity ?? "";

/** Whether the holder has given the lease up, or was silent for as long as it asked others to wait. */
export function isFree({ lease, unchangedSinceMs }: LeaseSight, defaultSeconds: number, nowMs: number): boolean {
  if (holderOf(lease) === "") return true;
  return nowMs - unchangedSinceMs > 1_000 * (lease.spec?.leaseDurationSeconds ?? defaultSeconds);
}

/** What is written to take the lease or to hold it for longer. */
export function takenBy(identity: string, before: Lease, now: Date, leaseSeconds: number): Lease {
  const time = microTime(now);
  const isRenewal = holderOf(before) === identity;
  const { acquireTime, leaseTransitions } = before.spec ?? {};
  return {
    ...before,
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: leaseSeconds,
      acquireTime: isRenewal ? (acquireTime ?? time) : time,
      renewTime: time,
      leaseTransitions: isRenewal ? (leaseTransitions ?? 0) : (leaseTransitions ?? 0) + 1,
    },
  };
}

export const givenUp = (before: Lease): Lease => ({ ...before, spec: { ...before.spec, holderIdentity: "" } });

/** Kubernetes reads this type of time with exactly six digits of fraction. */
const microTime = (date: Date): string => date.toISOString().replace("Z", "000Z");
