import { systemClock, type Clock } from "../lib/clock.js";
import { isStoreUnavailable, storeUnavailable } from "./store-error.js";

/** A caller has its answer within five seconds, whatever has become of the database. */
const answerWithinMs = 4_800;

/**
 * Every way to the store goes through here: connection failures become STORE_UNAVAILABLE, and so does work that takes
 * too long. `isLate` tells the work that nobody waits any more, so that it does not commit what was called failed.
 */
export async function withStore<T>(
  work: (isLate: () => boolean) => Promise<T>,
  clock: Clock = systemClock,
): Promise<T> {
  let isLate = false;
  let timer: { stop(): void } | undefined;
  const lateness = new Promise<never>((_, reject) => {
    timer = clock.after(answerWithinMs, () => {
      isLate = true;
      reject(storeUnavailable("no answer in time"));
    });
  });
  // Work that fails at once, without a promise, is no different: the timer must not outlive it.
  const result = (async () => work(() => isLate))();
  try {
    return await Promise.race([result, lateness]);
  } catch (error) {
    throw isStoreUnavailable(error) ? storeUnavailable(error) : error;
  } finally {
    timer?.stop();
    // Late work fails into the void: its caller has been told.
    result.catch(() => undefined);
  }
}
