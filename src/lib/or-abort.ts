/** The work's outcome, or the signal's reason as soon as that aborts; the work itself goes on. */
export async function orAbort<T>(work: T | Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw abortReason(signal);
  let stopListening = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    const abort = (): void => reject(abortReason(signal));
    signal.addEventListener("abort", abort, { once: true });
    stopListening = () => signal.removeEventListener("abort", abort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    stopListening();
  }
}

/** What the signal was aborted with; by custom an Error. */
export const abortReason = ({ reason }: AbortSignal): Error => reason as Error;
