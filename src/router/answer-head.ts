import type { Call } from "./call.js";
import { responseHeaders } from "./response-head.js";

/** The head of the answer to a call: what is left of the function's, the invocation's id, and what the call's plan adds. */
export function answerHead(call: Call, raw: readonly string[], mustClose: boolean): string[] {
  const { plan } = call;
  const headers = responseHeaders(raw, {
    dropCors: plan.ownsCors,
    dropLength: plan.isInternal,
  });
  headers.push("X-Fermi-Invocation-Id", call.invocationId);
  if (plan.answerHeaders.length > 0) headers.push(...plan.answerHeaders);
  if (mustClose) headers.push("Connection", "close");
  return headers;
}
