/** How a call gets a slot, and how it gives it back. */
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { outOfFiles } from "../lib/open-files.js";
import type { Call } from "./call.js";
import type { Lease } from "./target-slots.js";
import type { SlotTable } from "./slot-table.js";

/** How many instances a request is tried in before it is refused. */
export const maxAttempts = 3;
/** How long an instance that said it is busy is left alone, and the slot counts as taken: it knows better than the router. */
const busyHoldMs = 1_000;

interface Slots {
  readonly slots: SlotTable;
  readonly clock: Clock;
}

/** Why an attempt did not run user code. */
export type NotRun =
  | "NO_CONNECTION"
  | "BUSY"
  /** This process had no descriptor for a connection: that says nothing about the instance, nor would another be reached. */
  | "NO_FILE";

export const whyUnreached = (error: Error | undefined): NotRun =>
  outOfFiles(error) === undefined ? "NO_CONNECTION" : "NO_FILE";

/** What an attempt says about its instance. */
type Finding = { readonly type: string; readonly because?: NotRun; readonly suspect?: "CRASHED" | "TIMED_OUT" };

/** A free slot, in memory, or undefined. */
export const acquireNow = (call: Call, slots: SlotTable): Lease | undefined =>
  call.clientGone ? undefined : slots.tryAcquire(call.callee.target);

/**
 * The next slot that comes free, within what is left of the call's time limit. Undefined where the client left
 * meanwhile. Rejects when there is no room, no time, or no instance to be had.
 */
export async function waitForSlot(call: Call, { slots, clock }: Slots): Promise<Lease | undefined> {
  const hasLeft = (): boolean => call.clientGone;
  if (hasLeft()) return undefined;
  const sinceMs = clock.monotonicMs();
  const { target, timeoutMs } = call.callee;
  const { limitedFromMs } = call;
  const arrivedMs = call.attempts > 0 ? limitedFromMs : undefined;
  const wait = slots.wait(target, Math.max(0, limitedFromMs + timeoutMs - sinceMs), arrivedMs);
  call.onClientGone = () => wait.leave();
  try {
    const lease = await wait.lease;
    if (!hasLeft()) return lease;
    lease?.release();
    return undefined;
  } finally {
    call.onClientGone = () => {};
    call.waitMs += clock.monotonicMs() - sinceMs;
  }
}

export const mayTryAnother = ({ attempts }: Call, because: NotRun): boolean =>
  because !== "NO_FILE" && attempts < maxAttempts;

/** Gives the slot back, and tells poolmgr what the attempt showed about the instance. */
export function settleLease(lease: Lease, { type, because, suspect }: Finding, { slots, clock }: Slots): void {
  if (because === "BUSY") {
    slots.refused(lease.slots, busyHoldMs);
    clock.after(busyHoldMs, () => {
      lease.slots.refusals--;
      lease.release();
    });
    return;
  }
  if (because === undefined) lease.slots.blockedSinceMs = undefined;
  if (type === "ANSWERED") slots.answered(lease.slots);
  const reason = because ?? suspect;
  if (reason !== undefined && reason !== "NO_FILE") slots.suspect(lease.slots, reason);
  lease.release();
}

export function noInstanceTookIt(because: NotRun): AppError {
  const retry = { retryAfterSeconds: 1 };
  switch (because) {
    case "BUSY":
      return new AppError("QUEUE_FULL", "Every instance of this function was busy.", retry);
    case "NO_CONNECTION":
      return new AppError("CLUSTER_UNAVAILABLE", "No instance of this function could be reached.", retry);
    case "NO_FILE":
      return new AppError(
        "CLUSTER_UNAVAILABLE",
        "The router has no file descriptor left for a connection to the function's instance.",
        retry,
      );
  }
}
