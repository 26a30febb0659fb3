import { describe, expect, it } from "@jest/globals";
import { AppError } from "../../../../src/errors/app-error.js";
import { handleMessage, type Handled } from "../../../../src/triggers/queue/handle-message.js";
import type { Delivery } from "../../../../src/triggers/queue/queue-broker.js";
import { aDelivery, aQueueTrigger, fakeInvoker, type Answer } from "./builders.js";

const topics = { responseTopic: "answers", errorTopic: "failed" };
const handle = (answer: Answer, trigger = aQueueTrigger(topics), delivery = aDelivery()): Promise<Handled> =>
  handleMessage({ invoker: fakeInvoker(answer), random: () => 0.5 }, trigger, delivery);

describe("A message", () => {
  it("comes to its function with its headers, and with what Fermi and Fission say of it", async () => {
    const invoker = fakeInvoker({});
    const brought = { "x-fermi-answer-to": "m0", "x-fermi-error-reason": "yes" };
    const headers = { "content-type": "text/plain", "x-own": "1", "x-fermi-key": "no", ...brought };
    const message = { ...aDelivery().message, headers: { ...headers, "not a name": "x", "x-odd": "ĳ" } };
    await handleMessage({ invoker, random: Math.random }, aQueueTrigger(topics), aDelivery({ message, attempt: 2 }));
    expect(invoker.requests).toEqual([
      {
        ...{ functionId: "f1", version: null, method: "POST", path: "/", source: "QUEUE", triggerId: "t1" },
        headers: [
          ["content-type", "text/plain"],
          ["x-own", "1"],
        ],
        ownHeaders: [
          ["x-fermi-answer-to", "m0"],
          ["x-fermi-error-reason", "yes"],
          ["X-Fermi-Trigger", "on-orders"],
          ["X-Fermi-Topic", "orders"],
          ["X-Fermi-Message-Id", "m1"],
          ["X-Fermi-Message-Key", "k%201"],
          ["X-Fermi-Attempt", "2"],
          ["X-Fission-MQTrigger-Topic", "orders"],
          ["X-Fission-MQTrigger-RespTopic", "answers"],
          ["X-Fission-MQTrigger-ErrorTopic", "failed"],
        ],
        body: Buffer.from("hi"),
      },
    ]);
  });

  it("names the topic to which it was published, also where the trigger has another by now", async () => {
    const invoker = fakeInvoker({ httpStatus: 400 });
    const trigger = aQueueTrigger({ ...topics, topic: "orders-v2" });
    const { verdict } = await handleMessage({ invoker, random: () => 0.5 }, trigger, aDelivery());
    const own = Object.fromEntries(invoker.requests[0]?.ownHeaders ?? []);
    expect([own["X-Fermi-Topic"], own["X-Fission-MQTrigger-Topic"]]).toEqual(["orders", "orders"]);
    expect(verdict).toMatchObject({ followUps: [{ headers: { "x-fermi-error-topic": "orders" } }] });
  });

  it("that was handled is followed by the answer, under its key", async () => {
    expect(await handle({ body: Buffer.from([255]) })).toEqual({
      verdict: {
        type: "DONE",
        followUps: [
          {
            ...{ topic: "answers", key: "k 1", body: Buffer.from([255]) },
            headers: { "content-type": "text/plain", "x-fermi-answer-to": "m1" },
          },
        ],
      },
      ...{ problem: null, isDead: false },
    });
  });

  it("is followed by nothing where nothing is returned, or nobody wants the answer", async () => {
    const nothing = { verdict: { type: "DONE", followUps: [] }, problem: null, isDead: false };
    expect(await handle({ httpStatus: 204, body: Buffer.from("") })).toEqual(nothing);
    expect(await handle({}, aQueueTrigger())).toEqual(nothing);
  });

  it.each<[string, Answer, string]>([
    ["answered 500", { httpStatus: 500 }, "Error: boom"],
    ["answered 429", { httpStatus: 429 }, "The function answered 429."],
    ["did not load", "LOAD_FAILED", "It is LOAD_FAILED."],
    ["crashed", "FUNCTION_CRASHED", "It is FUNCTION_CRASHED."],
    ["took too long", "FUNCTION_TIMEOUT", "It is FUNCTION_TIMEOUT."],
    ["broke off", new Error("what"), "The call was broken off."],
  ])("whose function %s comes again after a while, and then no more", async (_what, answer, problem) => {
    expect(await handle(answer)).toEqual({
      verdict: { type: "AGAIN", afterMs: 500, isAttempt: true },
      ...{ problem, isDead: false },
    });
    const last = await handle(answer, aQueueTrigger(topics), aDelivery({ attempt: 3 }));
    expect(last).toMatchObject({ verdict: { type: "DONE" }, problem, isDead: true });
  });

  it.each<[string, Answer]>([
    ["QUEUE_FULL", "QUEUE_FULL"],
    ["CLUSTER_UNAVAILABLE", "CLUSTER_UNAVAILABLE"],
    ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE"],
    ["a function that a router does not know yet", "NOT_FOUND"],
  ])("comes again for %s, however often: that is no attempt", async (_what, answer) => {
    const { verdict, isDead } = await handle(answer, aQueueTrigger(topics), aDelivery({ attempt: 3 }));
    expect([verdict, isDead]).toEqual([{ type: "AGAIN", afterMs: 1_500, isAttempt: false }, false]);
  });

  it("that was lost with whoever handled it, as often as it may be tried, has failed for good without a call", async () => {
    const invoker = fakeInvoker({});
    const lose = (fields: Partial<Delivery>): Promise<Handled> =>
      handleMessage({ invoker, random: () => 0.5 }, aQueueTrigger(topics), aDelivery(fields));
    expect(await lose({ attempt: 4 })).toMatchObject({
      verdict: { type: "DONE", followUps: [{ topic: "failed", headers: { "x-fermi-error-attempts": "3" } }] },
      ...{ isDead: true, problem: expect.stringContaining("was lost") },
    });
    expect(invoker.requests).toEqual([]);
    await lose({ attempt: 4, uncertainAttempts: 1 });
    expect(invoker.requests).toHaveLength(1);
  });

  it("that has failed for good goes whole to the error topic, with the reason", async () => {
    const { verdict, problem } = await handle({ httpStatus: 400 });
    expect(problem).toBe("The function answered 400.");
    expect(verdict).toEqual({
      type: "DONE",
      followUps: [
        {
          ...{ topic: "failed", key: "k 1", body: Buffer.from("hi") },
          headers: {
            ...{ "content-type": "text/plain", "x-own": "1" },
            "x-fermi-error-reason": "The function answered 400.",
            "x-fermi-error-attempts": "1",
            "x-fermi-error-topic": "orders",
            "x-fermi-error-message-id": "m1",
            "x-fermi-error-trigger": "on-orders",
          },
        },
      ],
    });
  });

  it("has failed for good where its answer is larger than a message may be", async () => {
    const problem = expect.stringContaining("larger than a message may be");
    expect(await handle("LARGE")).toMatchObject({ isDead: true, problem });
    expect(await handle("LARGE", aQueueTrigger())).toMatchObject({ isDead: false, problem: null });
    expect(await handle("HEADERS_TOO_LARGE")).toMatchObject({ isDead: true });
  });

  it("has been tried where the router was lost while it was being handled", async () => {
    const cause = Object.assign(new Error("reset"), { code: "ECONNRESET", syscall: "read" });
    const lost = new AppError("CLUSTER_UNAVAILABLE", "The router gave no answer.", { cause });
    expect(await handle(lost)).toMatchObject({ verdict: { type: "AGAIN", isAttempt: true } });
  });

  it("that was taken away meanwhile is given back as if nothing had been tried", async () => {
    const ending = new AbortController();
    ending.abort();
    expect(await handle({}, aQueueTrigger(topics), aDelivery({ signal: ending.signal }))).toEqual({
      verdict: { type: "AGAIN", afterMs: 0, isAttempt: false },
      ...{ problem: null, isDead: false },
    });
  });
});
