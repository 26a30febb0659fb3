/** One attempt of an asynchronous invocation: a call through the router, and what its end means. */
import { AppError } from "../errors/app-error.js";
import { asyncLimits } from "../model/async-invocation.js";
import type { Leased, Settlement } from "../model/async-work.js";
import { decide, type Ending } from "./async-state.js";
import { mayHaveRun, type Invoker } from "./invoker.js";
import type { Felt } from "./pace.js";

export interface AttemptParts {
  readonly invoker: Pick<Invoker, "attempt">;
  readonly isLiving: (functionId: string) => Promise<boolean>;
  /** 0 to 1. */
  readonly random: () => number;
  /** An instance has it. */
  readonly onBegun: () => void;
}

/** What is to be noted of an attempt, and what it told about its function's room. */
export interface Ended {
  readonly settlement: Settlement;
  readonly felt: Felt;
}

export async function attempt(parts: AttemptParts, leased: Leased, signal: AbortSignal): Promise<Ended> {
  const { id, epoch } = leased;
  const requestBytes = leased.body.length;
  try {
    const { invocation, result } = await parts.invoker.attempt(
      signal,
      requestOf(leased),
      asyncLimits.resultBytes,
      parts.onBegun,
    );
    const { httpStatus, error, waitMs, coldStart } = invocation;
    const status = httpStatus ?? 0;
    const decision = decide({ type: "ANSWERED", httpStatus: status, error }, leased, parts.random);
    const note = result === null ? { note: "The answer was larger than 1 MiB, and was not kept." } : {};
    const settlement = { id, epoch, decision, requestBytes, httpStatus: status, result, told: invocation, ...note };
    return { settlement, felt: { ...(waitMs !== null && { waitMs }), coldStart } };
  } catch (error) {
    const ending = await endingOf(error, leased, parts.isLiving);
    const httpStatus = error instanceof AppError ? error.httpStatus : null;
    const settlement = { id, epoch, decision: decide(ending, leased, parts.random), requestBytes, httpStatus };
    return { settlement, felt: ending.type === "NOT_BEGUN" ? { pauseMs: ending.retryAfterMs } : {} };
  }
}

const requestOf = (leased: Leased): Parameters<Invoker["attempt"]>[1] => ({
  functionId: leased.functionId,
  version: leased.version,
  method: leased.method,
  path: leased.target,
  headers: leased.headers,
  body: leased.body,
  source: leased.source,
  triggerId: leased.triggerId,
  invocationId: leased.id,
  route: leased.route,
  ownHeaders: [["X-Fermi-Attempt", String(leased.attemptsInAll)]],
});

const gone = "The function was deleted.";

async function endingOf(error: unknown, { functionId }: Leased, isLiving: AttemptParts["isLiving"]): Promise<Ending> {
  if (!(error instanceof AppError)) return { type: "FAILED", error: "The attempt was broken off." };
  const { message } = error;
  const notBegun: Ending = {
    type: "NOT_BEGUN",
    error: message,
    retryAfterMs: (error.retryAfterSeconds ?? 1) * 1_000,
  };
  if (error.code === "QUEUE_FULL" || error.code === "STORE_UNAVAILABLE") return notBegun;
  if (error.code === "CLUSTER_UNAVAILABLE" && !mayHaveRun(error)) return notBegun;
  if (error.code !== "NOT_FOUND") return { type: "FAILED", error: message };
  // A router that has just started may not know of a function yet.
  const living = await isLiving(functionId).catch(() => true);
  return living ? notBegun : { type: "GONE", error: gone };
}
