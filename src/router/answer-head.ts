import type { AnswerHead } from "./answer-fields.js";
import type { Call, CallPlan } from "./call.js";
import { isCorsHeader } from "./cors.js";
import { without } from "./response-head.js";

export interface AnswerTo {
  /** The connection takes no other request. */
  readonly mustClose: boolean;
  /** The client understands chunks, and so trailers: HTTP/1.0 does not. */
  readonly isChunkable: boolean;
}

/** The head of the answer to a call: what is left of the function's, the invocation's id, and what the call's plan adds. */
export function answerHead(
  { plan, invocationId }: Call,
  { endToEnd }: AnswerHead,
  { mustClose, isChunkable }: AnswerTo,
): string[] {
  const kept = isChunkable ? endToEnd : without(endToEnd, (name) => name === "trailer");
  const headers = [...fittingHeaders(plan, kept), "X-Fermi-Invocation-Id", invocationId, ...plan.answerHeaders];
  if (mustClose) headers.push("Connection", "close");
  return headers;
}

/**
 * About CORS the trigger's policy speaks alone, where there is one. An answer that ends in a trailer can't say how long it
 * is; and one to HEAD may travel as that to another method.
 */
function fittingHeaders({ ownsCors, isInternal }: CallPlan, headers: readonly string[]): readonly string[] {
  if (!ownsCors && !isInternal) return headers;
  return without(headers, (name) => (ownsCors && isCorsHeader(name)) || (isInternal && name === "content-length"));
}
