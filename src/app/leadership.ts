import { isAlone } from "../config/contradictions.js";
import { AppError } from "../errors/app-error.js";
import type { Leadership } from "../lib/leadership.js";
import { SoleLeader } from "../lib/sole-leader.js";
import type { Foundation } from "./foundation.js";

/** Of the processes that are `name`, who works: a lock decides, but where the store is this process's own. */
export function createLeadership(name: "poolmgr" | "triggers", foundation: Foundation): Leadership {
  const { config, logger } = foundation;
  if (!isAlone(config)) throw new AppError("CLUSTER_UNAVAILABLE", `${name} in several processes is not possible yet`);
  return new SoleLeader((error) => logger.error({ err: error, role: name }, "a part of Fermi has ended; restart it"));
}
