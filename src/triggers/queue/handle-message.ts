/** One message: the call of its function, and what follows from how that ended. */
import { AppError } from "../../errors/app-error.js";
import { decide, type Ending } from "../../invocations/async-state.js";
import { mayHaveRun, type Invoker } from "../../invocations/invoker.js";
import type { KeptResult } from "../../model/async-work.js";
import { topicLimits } from "../../model/topic-message.js";
import type { QueueTrigger } from "../../model/trigger.js";
import { toAnswer, toFailed, toRequest } from "./message-request.js";
import type { Delivery, FollowUp, Verdict } from "./queue-broker.js";

export interface HandlerParts {
  readonly invoker: Pick<Invoker, "attempt">;
  /** 0 to 1. */
  readonly random: () => number;
}

/** What is to be done, and what there is to tell of it: null where all was well. */
export interface Handled {
  readonly verdict: Verdict;
  readonly problem: string | null;
  /** It has failed for good. */
  readonly isDead: boolean;
}

interface Called {
  readonly ending: Ending;
  /** Null where it is larger than a message may be. */
  readonly result?: KeptResult | null;
}

/** Given back: whoever is next handles it, as if it had not been tried here. */
const givenBack: Handled = {
  verdict: { type: "AGAIN", afterMs: 0, isAttempt: false },
  problem: null,
  isDead: false,
};

/** Never rejects. */
export async function handleMessage(parts: HandlerParts, trigger: QueueTrigger, delivery: Delivery): Promise<Handled> {
  if (hasBeenLost(trigger, delivery)) return dead(trigger, delivery, lostEachTime);
  const { ending, result } = await call(parts, trigger, delivery);
  if (delivery.signal.aborted) return givenBack;
  const tried = { attempts: delivery.attempt, maxAttempts: trigger.maxAttempts, patienceMs: Infinity };
  const decision = decide(ending, tried, parts.random);
  switch (decision.state) {
    case "SUCCEEDED":
      return succeeded(trigger, delivery, result);
    case "DEAD":
      return dead(trigger, delivery, decision.error);
    case "QUEUED": {
      const { afterMs, isAttempt, error } = decision;
      return { verdict: { type: "AGAIN", afterMs, isAttempt }, problem: error, isDead: false };
    }
  }
}

const lostEachTime = "Nobody knows how its attempts ended: whoever handled it was lost each time, or at the last one.";

/** Otherwise one that is the end of each process that handles it would be brought for ever. */
const hasBeenLost = ({ maxAttempts }: QueueTrigger, { attempt, uncertainAttempts = 0 }: Delivery): boolean =>
  attempt > maxAttempts + uncertainAttempts;

async function call({ invoker }: HandlerParts, trigger: QueueTrigger, delivery: Delivery): Promise<Called> {
  const { message, attempt, signal } = delivery;
  try {
    const request = toRequest(trigger, message, attempt);
    const { invocation, result } = await invoker.attempt(signal, request, answerBytesOf(delivery));
    const { httpStatus, error } = invocation;
    return { ending: { type: "ANSWERED", httpStatus: httpStatus ?? 0, error }, result };
  } catch (error) {
    return { ending: endingOf(error) };
  }
}

/** A router that has just started may not know of a function yet; with the function its triggers go, and this with them. */
const notBegun = new Set(["QUEUE_FULL", "CLUSTER_UNAVAILABLE", "STORE_UNAVAILABLE", "NOT_FOUND"]);
/** What is wrong with the message, or with what it makes the function answer, is so each time. */
const forGood = new Set(["BODY_TOO_LARGE", "HEADERS_TOO_LARGE", "BAD_REQUEST"]);

function endingOf(error: unknown): Ending {
  if (!(error instanceof AppError)) return { type: "FAILED", error: "The call was broken off." };
  const { code, message, retryAfterSeconds = 1 } = error;
  if (notBegun.has(code) && !mayHaveRun(error))
    return { type: "NOT_BEGUN", error: message, retryAfterMs: retryAfterSeconds * 1_000 };
  return { type: forGood.has(code) ? "GONE" : "FAILED", error: message };
}

function succeeded(trigger: QueueTrigger, delivery: Delivery, result: Called["result"]): Handled {
  const { responseTopic } = trigger;
  if (responseTopic !== null && result === null) {
    return dead(trigger, delivery, `The answer is larger than a message may be (${answerBytesOf(delivery)} bytes).`);
  }
  // Nothing was returned, so nothing is published.
  const hasAnswer = responseTopic !== null && result != null && result.httpStatus !== 204;
  const answer = hasAnswer ? [toAnswer(responseTopic, delivery.message, result)] : [];
  return { verdict: done(answer), problem: null, isDead: false };
}

function dead(trigger: QueueTrigger, { message, attempt }: Delivery, reason: string): Handled {
  const { errorTopic } = trigger;
  const failed =
    errorTopic === null
      ? []
      : [toFailed(errorTopic, trigger, message, { reason, attempts: Math.min(attempt, trigger.maxAttempts) })];
  return { verdict: done(failed), problem: reason, isDead: true };
}

const answerBytesOf = ({ answerBytes = Infinity }: Delivery): number => Math.min(topicLimits.bodyBytes, answerBytes);

const done = (followUps: readonly FollowUp[]): Verdict => ({ type: "DONE", followUps });
