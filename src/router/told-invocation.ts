/** What an invoker is told of its invocation: what is recorded of it, to the last digit. */
import type { Call } from "./call.js";

/** Such an answer ends with its head, and carries no trailers. */
export const endsWithHead = (status: number): boolean => status === 204 || status === 304;

/** The truth about a call that was answered whole, in a status and a line. */
export function verdictOfAnswer({ httpStatus, functionError }: Call): {
  status: "SUCCEEDED" | "FAILED";
  error: string | null;
} {
  const status = httpStatus ?? 0;
  return status < 500
    ? { status: "SUCCEEDED", error: null }
    : { status: "FAILED", error: functionError ?? `The function answered ${status}.` };
}

/** The header, or trailer, of a call that was answered whole at `endedMs`: name and value. */
export function toldInvocation(call: Call, endedMs: number): [name: string, value: string] {
  const { status, error } = verdictOfAnswer(call);
  const invocation = JSON.stringify(call.toInvocation(status, error, endedMs));
  return ["X-Fermi-Invocation", Buffer.from(invocation).toString("base64url")];
}
