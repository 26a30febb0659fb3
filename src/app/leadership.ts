import os from "node:os";
import { isAlone } from "../config/contradictions.js";
import type { Leadership } from "../lib/leadership.js";
import { SoleLeader } from "../lib/sole-leader.js";
import { AdvisoryLeadership } from "../store/advisory-leadership.js";
import { DatabaseClaim } from "../store/database-claim.js";
import type { StopStack } from "../lib/stop-stack.js";
import type { Foundation, Surroundings } from "./foundation.js";

/** Who of the processes of one role works, while the others stand by. */
export async function createLeadership(name: "poolmgr" | "triggers", foundation: Foundation): Promise<Leadership> {
  const { config, clock, logger } = foundation;
  if (isAlone(config)) {
    return new SoleLeader((error) => logger.error({ err: error, role: name }, "a part of Fermi has ended; restart it"));
  }
  if (config.cluster === "local" && config.databaseUrl !== null) {
    return new AdvisoryLeadership({ url: config.databaseUrl, name, holder: processName(), clock, logger });
  }
  const { createLease } = await import("./kubernetes-host.js");
  return createLease(name, foundation);
}

/**
 * A process that is everything wants a database for itself, also the one that comes with it, which others may reach too.
 * Resolves when it has it, or needs none.
 */
export async function claimDatabase(
  { config, clock, logger }: Surroundings,
  url: string,
  started: StopStack,
): Promise<void> {
  if (!isAlone(config)) return;
  const claim = new DatabaseClaim({ url, name: "poolmgr", holder: processName(), clock, logger });
  started.push("claim of the database", () => claim.stop());
  await claim.start();
}

/** For people: on Kubernetes the host is the pod. */
export const processName = (): string => `fermi ${process.pid} on ${os.hostname()}`;
