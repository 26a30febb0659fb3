import { AppError } from "../../errors/app-error.js";
import { isFinalStatus } from "../../invocations/async-state.js";
import type { InvokeRequest } from "../../invocations/invoke-request.js";
import type { Invocation } from "../../model/invocation.js";
import { nameOf, type WatchEvent } from "./watch-event.js";

/** The one door to functions. */
export interface InvokeFunction {
  call(signal: AbortSignal, request: InvokeRequest): Promise<Pick<Invocation, "httpStatus">>;
}

/** What became of one attempt. REFUSED: it would be refused again. Both reasons are whole sentences. */
export type Attempt =
  { readonly outcome: "DELIVERED" } | { readonly outcome: "FAILED" | "REFUSED"; readonly reason: string };

/** Never rejects. */
export async function attempt(call: () => ReturnType<InvokeFunction["call"]>, event: WatchEvent): Promise<Attempt> {
  const what = `${event.type} ${event.kind} ${nameOf(event)}`;
  try {
    const { httpStatus: status } = await call();
    // Known wherever it was answered.
    const httpStatus = status ?? 0;
    if (httpStatus < 400) return { outcome: "DELIVERED" };
    if (isFinalStatus(httpStatus)) {
      return { outcome: "REFUSED", reason: `The function answered ${httpStatus} to ${what}: it is not told again.` };
    }
    return { outcome: "FAILED", reason: `The function answers ${httpStatus} to ${what}; it is tried again.` };
  } catch (error) {
    return failureOf(error, what);
  }
}

/** What no other attempt can mend. That a function is not there, a router may say that has not heard of it yet. */
const lasting: ReadonlySet<string> = new Set(["BAD_REQUEST", "BODY_TOO_LARGE", "HEADERS_TOO_LARGE"]);

function failureOf(error: unknown, what: string): Attempt {
  const isOurs = error instanceof AppError;
  const why = isOurs ? error.message.replace(/\.$/, "") : "it failed by a mistake of Fermi's own";
  if (isOurs && lasting.has(error.code)) {
    return { outcome: "REFUSED", reason: `${what} can't be told: ${why}. It is not tried again.` };
  }
  return { outcome: "FAILED", reason: `${what} can't be told for now: ${why}. It is tried again.` };
}
