import { AppError } from "../../../../src/errors/app-error.js";
import type { ErrorCode } from "../../../../src/errors/codes.js";
import type { InvokeRequest } from "../../../../src/invocations/invoke-request.js";
import type { KeptResult } from "../../../../src/model/async-work.js";
import type { QueueTrigger } from "../../../../src/model/trigger.js";
import type { Delivery } from "../../../../src/triggers/queue/queue-broker.js";
import type { HandlerParts } from "../../../../src/triggers/queue/handle-message.js";
import { anInvocation } from "../../../support/api-harness.js";

export const aQueueTrigger = (fields: Partial<QueueTrigger> = {}): QueueTrigger => ({
  kind: "QUEUE",
  ...{ id: "t1", namespace: "default", name: "on-orders", revision: 1, functionId: "f1", enabled: true },
  ...{ createdAt: new Date(0), updatedAt: new Date(0) },
  ...{ broker: "POSTGRES", topic: "orders", responseTopic: null, errorTopic: null, maxAttempts: 3, concurrency: 1 },
  ...fields,
});

export const aDelivery = (fields: Partial<Delivery> = {}): Delivery => ({
  message: {
    ...{ id: "m1", topic: "orders", key: "k 1", body: Buffer.from("hi") },
    headers: { "content-type": "text/plain", "x-own": "1" },
  },
  attempt: 1,
  signal: new AbortController().signal,
  ...fields,
});

export type Answer = Partial<KeptResult> | "LARGE" | ErrorCode | Error;

/** An invoker that gives these answers in turn, the last one again and again. */
export function fakeInvoker(...answers: Answer[]): HandlerParts["invoker"] & { requests: InvokeRequest[] } {
  const requests: InvokeRequest[] = [];
  return {
    requests,
    attempt: (_signal, request) => {
      requests.push(request);
      const answer = answers[Math.min(requests.length, answers.length) - 1] ?? {};
      if (answer instanceof Error) return Promise.reject(answer);
      if (answer === "LARGE") {
        return Promise.resolve({ invocation: anInvocation({ functionId: request.functionId }), result: null });
      }
      if (typeof answer === "string") return Promise.reject(new AppError(answer, `It is ${answer}.`));
      const body = Buffer.from("ok");
      const result = { httpStatus: 200, headers: { "content-type": "text/plain" }, body, ...answer };
      const error = result.httpStatus >= 500 ? "Error: boom" : null;
      const invocation = anInvocation({ functionId: request.functionId, httpStatus: result.httpStatus, error });
      return Promise.resolve({ invocation, result });
    },
  };
}
