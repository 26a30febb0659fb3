import { createHmac } from "node:crypto";

/**
 * The secret of each instance, which its runtime demands of every request. It follows from the installation's secret and
 * the instance's id, so that another process can take over instances without their secrets being stored anywhere.
 */
export const instanceKeys =
  (internalSecret: string): ((instanceId: string) => string) =>
  (instanceId) =>
    createHmac("sha256", internalSecret).update(`instance:${instanceId}`).digest("base64url");
