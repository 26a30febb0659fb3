import { AppError } from "../errors/app-error.js";

/** No instance can be had now; a moment later that may be otherwise. `why` ends with a full stop or not. */
export const noInstance = (why: string): AppError =>
  new AppError("CLUSTER_UNAVAILABLE", `No instance can be started: ${why.replace(/\.$/, "")}.`, {
    retryAfterSeconds: 1,
  });
