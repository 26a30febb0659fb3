import { setFlagsFromString } from "node:v8";

/**
 * For a process that forwards requests: what belongs to one dies with it. V8 learns from a first moment in which requests
 * took long that such objects live long, allocates them as old ones from then on, and never unlearns it; each then keeps
 * alive whatever younger object it points to, and collecting young objects takes four times as long.
 */
export function keepYoungObjectsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
