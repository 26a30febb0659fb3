import { hash } from "node:crypto";
import { stableJson } from "../lib/stable-json.js";
import type { Environment } from "../model/environment.js";

/**
 * What decides how an instance of the environment is started, as a short text. Where another one is desired by now, warm
 * instances are ended at once, and those with a function are replaced in time.
 */
export function templateOf({ image, contract, resources, podTemplate }: Environment): string {
  const { cpuRequest, cpuLimit, memoryRequest, memoryLimit } = resources;
  const parts = [image, contract, cpuRequest, cpuLimit, memoryRequest, memoryLimit, podTemplate];
  return hash("sha256", stableJson(parts)).slice(0, 16);
}
