import type { Config } from "./settings.js";

/** Of one machine. */
const defaultMaxInstances = 64;

/** How many instances there may be as processes that this one starts. */
export const instancesHere = ({ cluster, roles, maxInstances }: Config): number =>
  cluster === "local" && roles.includes("poolmgr") ? (maxInstances ?? defaultMaxInstances) : 0;
