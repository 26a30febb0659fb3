import { QueryFailedError } from "typeorm";
import { AppError } from "../errors/app-error.js";

/** PostgreSQL's classes and codes for "not now": connection, resources, shutdown, cancelled by a time limit, read-only. */
const unavailableStates = /^(08|28|53|57P|57014|55P03|25006|25P0[34]|3D000|40001|40P01)/;

const networkCodes: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "ENOENT",
  "EMFILE",
  "ENFILE",
]);

/** What the driver and TypeORM say without a code when a connection breaks or cannot be had. */
const connectionWords =
  /connection (terminated|error|is not|timeout)|timeout exceeded|timeout expired|not queryable|already released|already destroyed|not (yet )?(established|initialized|connected)|cannot use a pool|socket hang up|server does not support ssl/i;

/** Looks at what an error says, not at its class: drivers and the runtime have classes of their own. */
export function isStoreUnavailable(error: unknown): boolean {
  const cause: unknown = error instanceof QueryFailedError ? error.driverError : error;
  if (typeof cause !== "object" || cause === null || cause instanceof AppError) return false;
  const { code, message, errors } = cause as { code?: unknown; message?: unknown; errors?: unknown };
  if (typeof code === "string" && (networkCodes.has(code) || unavailableStates.test(code))) return true;
  if (Array.isArray(errors) && errors.some(isStoreUnavailable)) return true;
  return typeof message === "string" && connectionWords.test(message);
}

export const storeUnavailable = (cause?: unknown): AppError =>
  new AppError(
    "STORE_UNAVAILABLE",
    isDiskFull(cause) ? diskIsFull : "The store can't be reached at the moment. Try again.",
    {
      cause,
      retryAfterSeconds: 1,
    },
  );

const diskIsFull = "The store's disk is full: nothing can be changed until there is room again.";

const isDiskFull = (error: unknown): boolean =>
  error instanceof QueryFailedError && (error.driverError as { code?: unknown }).code === "53100";

/** Whether the database gave a statement up at its time limit; also where callers are told that it can't be reached. */
export function isOutOfTime(error: unknown): boolean {
  const cause: unknown = error instanceof AppError ? error.cause : error;
  return cause instanceof QueryFailedError && (cause.driverError as { code?: unknown }).code === "57014";
}

/** Whether a statement has waited in vain for a lock. */
export const isLockTimeout = (error: unknown): boolean =>
  error instanceof QueryFailedError && (error.driverError as { code?: unknown }).code === "55P03";

/** The constraint or unique index that refused a row; undefined for any other error. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!(error instanceof QueryFailedError)) return undefined;
  const { code, constraint } = error.driverError as { code?: string; constraint?: string };
  return code === "23505" || code === "23503" ? constraint : undefined;
}
