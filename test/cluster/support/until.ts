import { setTimeout as pause } from "node:timers/promises";

/** A node that has much to do takes its time to start and to end pods. */
const patienceMs = 45_000;

/** The first value that is none of undefined and false, looking again and again; rejects when that takes too long. */
export async function until<T>(what: string, look: () => T | Promise<T>): Promise<Exclude<T, undefined | false>> {
  const beganMs = performance.now();
  while (performance.now() - beganMs < patienceMs) {
    const found = await look();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    await pause(20);
  }
  throw new Error(`waited in vain: ${what}`);
}
