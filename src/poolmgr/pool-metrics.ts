import type { ErrorCode } from "../errors/codes.js";

/** Where the pool manager counts. Calls return at once and never throw. */
export interface PoolMetrics {
  /** An instance was added: from the moment it was asked for until it could serve. */
  coldStart(functionId: string, durationMs: number): void;
  /** An instance could not be added, or was lost. */
  failure(functionId: string, code: ErrorCode): void;
  /** How many claims wait for a warm instance at present. */
  claimsWaiting(count: number): void;
}
