import { AppError } from "../../errors/app-error.js";
import { isFinalStatus } from "../../invocations/async-state.js";
import type { InvokeRequest } from "../../invocations/invoke-request.js";
import { hasNotArrived } from "../../invocations/invoker.js";
import type { Invocation } from "../../model/invocation.js";
import { nameOf, type WatchEvent } from "./watch-event.js";

/** The one door to functions. */
export interface InvokeFunction {
  call(signal: AbortSignal, request: InvokeRequest): Promise<Pick<Invocation, "httpStatus">>;
}

/**
 * What became of one attempt. NOT_ASKED: there was no router yet, or it knew nothing yet, so this says nothing of the
 * function. REFUSED: it would be refused again. Reasons are whole sentences.
 */
export type Attempt =
  { readonly outcome: "DELIVERED" } | { readonly outcome: "NOT_ASKED" | "FAILED" | "REFUSED"; readonly reason: string };

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

/** What a router says that has just started: with the function its triggers go, and this with them. */
const early: ReadonlySet<string> = new Set(["STORE_UNAVAILABLE", "NOT_FOUND"]);
/** What no other attempt can mend. */
const lasting: ReadonlySet<string> = new Set(["BAD_REQUEST", "BODY_TOO_LARGE", "HEADERS_TOO_LARGE"]);

function failureOf(error: unknown, what: string): Attempt {
  const isOurs = error instanceof AppError;
  const why = isOurs ? error.message.replace(/\.$/, "") : "it failed by a mistake of Fermi's own";
  if (isOurs && lasting.has(error.code)) {
    return { outcome: "REFUSED", reason: `${what} can't be told: ${why}. It is not tried again.` };
  }
  const isEarly = hasNotArrived(error) || (isOurs && early.has(error.code));
  const reason = `${what} can't be told for now: ${why}. It is tried again.`;
  return { outcome: isEarly ? "NOT_ASKED" : "FAILED", reason };
}
