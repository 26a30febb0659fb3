import type { Call } from "./call.js";
import { responseHeaders } from "./response-head.js";

/** The head of the answer to a call: what is left of the function's, the invocation's id, and what the call's plan adds. */
export function answerHead(call: Call, raw: readonly Buffer[], mustClose: boolean): string[] {
  const { plan } = call;
  const headers = responseHeaders(raw, {
    dropCors: plan.ownsCors,
    dropLength: plan.isInternal && plan.method === "HEAD",
  });
  headers.push("X-Fermi-Invocation-Id", call.invocationId);
  if (plan.answerHeaders.length > 0) headers.push(...plan.answerHeaders);
  if (plan.isInternal) headers.push("X-Fermi-Invocation", invocationHeader(call));
  if (mustClose) headers.push("Connection", "close");
  return headers;
}

/** What the invoker needs to know before the record is written. */
function invocationHeader(call: Call): string {
  const { coldStart, waitMs, instance, acceptedAt, callee, functionError } = call;
  const facts = {
    functionVersion: callee.target.version,
    coldStart,
    waitMs: Math.round(waitMs * 1_000) / 1_000,
    instance,
    error: functionError,
    acceptedAt: acceptedAt.toISOString(),
  };
  return Buffer.from(JSON.stringify(facts)).toString("base64url");
}
