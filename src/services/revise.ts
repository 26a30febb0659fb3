import { isDeepStrictEqual } from "node:util";
import type { Resource } from "../model/resource.js";

/** The resource with the changes and a higher revision; the very same where nothing differs. */
export function revise<T extends Resource>(current: T, changes: Partial<Omit<T, keyof Resource>>, now: Date): T {
  const changed = { ...current, ...changes };
  if (isDeepStrictEqual({ ...changed }, { ...current })) return current;
  return { ...changed, revision: current.revision + 1, updatedAt: now };
}
