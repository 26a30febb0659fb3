/** The refusals that all services share, worded once. */
import { AppError, badInput } from "../errors/app-error.js";
import type { Fault } from "../model/fault.js";
import type { Resource } from "../model/resource.js";

export type Kind = "environment" | "function" | "trigger";

/** Throws BAD_USER_INPUT where there is a fault. */
export function refuse(fault: Fault | undefined): void {
  if (fault !== undefined) throw badInput(fault.field, `${fault.field} ${fault.message}.`);
}

export const notFound = (kind: Kind, by: "name" | "id", field: string = by): AppError =>
  new AppError(
    "NOT_FOUND",
    by === "id" ? `There is no ${kind} with this id.` : `There is no ${kind} with this name in this namespace.`,
    { field },
  );

/** Throws CONFLICT where the caller has seen another revision than there is now. */
export function refuseStale(kind: Kind, { revision }: Resource, expected: number | null | undefined): void {
  if (expected == null || expected === revision) return;
  throw new AppError(
    "CONFLICT",
    `The ${kind} has been changed meanwhile: its revision is ${revision}. Read it again and repeat the change.`,
    { field: "expectedRevision" },
  );
}
