import { hash } from "node:crypto";

/**
 * Proof that an invocation was sent to the instance that holds `key`: the router sends it beside the invocation's id,
 * the runtime prints it with each line, and the log sink believes a line's invocation only with it.
 */
export const logTag = (key: string, invocationId: string): string =>
  hash("sha256", `${key}\n${invocationId}`, "hex").slice(0, 16);
