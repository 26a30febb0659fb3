import type { AppError } from "../errors/app-error.js";

/** What is said about an instance in its function's log; `instanceId` undefined where there was none yet. */
export type EventListener = (
  instanceId: string | undefined,
  functionId: string,
  version: number,
  message: string,
) => void;

/** The runtime's own message, and the stack where it sent one: whoever wrote the code needs both. */
export function describeFailure({ message, cause }: AppError): string {
  const stack = stackOf(cause);
  return `The code does not load: ${message}${stack === undefined ? "" : `\n${stack}`}`;
}

/** An Error's own stack would be Fermi's, which says nothing of the function. */
function stackOf(cause: unknown): string | undefined {
  if (typeof cause === "string") return cause;
  if (typeof cause !== "object" || cause === null || cause instanceof Error || !("stack" in cause)) return undefined;
  return typeof cause.stack === "string" ? cause.stack : undefined;
}
