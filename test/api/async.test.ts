import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { AppError } from "../../src/errors/app-error.js";
import type { AsyncWorker } from "../../src/invocations/async-worker.js";
import { newId } from "../../src/lib/new-id.js";
import { anInvocation, ApiHarness } from "../support/api-harness.js";
import { createFunction, functionId } from "../support/api-resources.js";
import { FakeAttempts, startWorker, untilAborted } from "../support/async-stage.js";
import { eventually } from "../support/harness.js";

const ENQUEUE = `mutation ($input: EnqueueInvocationInput!) { enqueueInvocation(input: $input) {
  id status attempts method path source requestBytes functionVersion function { name } result { body } } }`;
const GET = `query ($id: ID!) { invocation(id: $id) {
  id status attempts error httpStatus functionVersion durationMs finishedAt instance requestBytes responseBytes
  result { httpStatus headers body base64 } } }`;
const CANCEL = `mutation ($id: ID!) { cancelInvocation(id: $id) { id status finishedAt } }`;
const REDRIVE = `mutation ($id: ID!) { redriveInvocation(id: $id) { id status error } }`;
const REDRIVE_ALL = `mutation ($filter: InvocationFilter!, $limit: Int! = 1000) {
  redriveInvocations(filter: $filter, limit: $limit) { count hasMore } }`;
const LIST = `query ($f: InvocationFilter) { invocations(filter: $f) { nodes { id status error } } }`;

interface Seen {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly httpStatus: number | null;
  readonly result: { httpStatus: number; body: string; base64: boolean } | null;
}

describe("asynchronous invocations", () => {
  let api: ApiHarness;
  let worker: AsyncWorker | undefined;
  const attempts = new FakeAttempts(() => ({}));
  beforeAll(async () => {
    api = await ApiHarness.start();
  });
  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
    attempts.answer = () => ({});
    attempts.calls.length = 0;
  });
  afterAll(() => api.stop());

  const enqueue = async (input: object): Promise<Seen & Record<string, unknown>> => {
    const { enqueueInvocation } = await api.client.ok<{ enqueueInvocation: Seen & Record<string, unknown> }>(ENQUEUE, {
      input,
    });
    return enqueueInvocation;
  };
  const get = async (id: string): Promise<Seen> => (await api.client.ok<{ invocation: Seen }>(GET, { id })).invocation;
  const reaches = (id: string, status: string): Promise<Seen> =>
    eventually(async () => {
      const seen = await get(id);
      if (seen.status !== status) throw new Error(`it is ${seen.status}: ${seen.error}`);
      return seen;
    });
  const work = (): void => {
    worker = startWorker(api.dataSource, attempts);
  };

  it("are stored before they are answered, and run afterwards", async () => {
    const fn = await createFunction(api.client);
    const headers = [{ name: "X-A", value: "1" }];
    const accepted = await enqueue({ function: fn, method: "PUT", path: "/a?b=c", headers, body: "grüße" });
    expect(accepted).toEqual({
      ...{ id: expect.any(String), status: "QUEUED", attempts: 0, method: "PUT", path: "/a", source: "GRAPHQL" },
      ...{ requestBytes: 7, functionVersion: 1, function: { name: fn }, result: null },
    });
    expect(await get(accepted.id)).toMatchObject({ status: "QUEUED", finishedAt: null, durationMs: null });
    attempts.answer = ({ body }) => ({ status: 201, body: `got ${body?.toString()}` });
    work();
    expect(await reaches(accepted.id, "SUCCEEDED")).toMatchObject({
      ...{ attempts: 1, error: null, httpStatus: 201, instance: "instance-1", requestBytes: 3, responseBytes: 11 },
      ...{ durationMs: expect.any(Number), finishedAt: expect.any(String) },
      result: { httpStatus: 201, headers: { "content-type": "text/plain" }, body: "got grüße", base64: false },
    });
    expect(attempts.calls).toEqual([
      {
        ...{ functionId: await functionId(api.client, fn), version: null, method: "PUT", path: "/a?b=c" },
        ...{ headers: [["X-A", "1"]], body: Buffer.from("grüße"), source: "GRAPHQL", triggerId: null, route: null },
        ...{ invocationId: accepted.id, ownHeaders: [["X-Fermi-Attempt", "1"]] },
      },
    ]);
  });

  it("tell each change of their status to who listens", async () => {
    const fn = await createFunction(api.client);
    const events = api.client.subscribe<{ invocations: { id: string; status: string } }>(
      `subscription ($f: InvocationFilter) { invocations(filter: $f) { id status } }`,
      { f: { function: fn } },
    );
    await eventually(async () => {
      await enqueue({ function: fn, delaySeconds: 1_000 });
      if (events.results.length === 0) throw new Error("nobody listens yet");
    });
    const { id } = await enqueue({ function: fn });
    const seen = (): string[] =>
      events.results.flatMap(({ data }) => (data?.invocations.id === id ? [data.invocations.status] : []));
    attempts.answer = async () => {
      await eventually(() => expect(seen()).toContain("RUNNING"));
      return { status: attempts.calls.length === 1 ? 500 : 200 };
    };
    await eventually(() => expect(seen()).toEqual(["QUEUED"]));
    work();
    await eventually(() => expect(seen().at(-1)).toBe("SUCCEEDED"));
    expect(seen().slice(0, 2)).toEqual(["QUEUED", "RUNNING"]);
    events.end();
  });

  it("give their answers as bytes where they are no text, and none that is larger than 1 MiB", async () => {
    const fn = await createFunction(api.client);
    attempts.answer = ({ path }) => ({ body: path === "/bytes" ? Buffer.from([0xff]) : Buffer.alloc(1_048_577) });
    const [bytes, large] = [await enqueue({ function: fn, path: "/bytes" }), await enqueue({ function: fn })];
    work();
    expect(await reaches(bytes.id, "SUCCEEDED")).toMatchObject({ result: { body: "/w==", base64: true } });
    expect(await reaches(large.id, "SUCCEEDED")).toMatchObject({
      ...{ result: null, error: "The answer was larger than 1 MiB, and was not kept." },
    });
  });

  it("are tried again, at most so often, and are then dead with their last error", async () => {
    const fn = await createFunction(api.client);
    attempts.answer = () => ({ status: 500, error: `failure ${attempts.calls.length}` });
    const { id } = await enqueue({ function: fn, maxAttempts: 4 });
    work();
    expect(await reaches(id, "DEAD")).toMatchObject({
      ...{ attempts: 4, error: "failure 4", httpStatus: 500, result: { httpStatus: 500, body: "done" } },
    });
    expect(await api.client.ok(LIST, { f: { function: fn, status: ["DEAD"] } })).toEqual({
      invocations: { nodes: [{ id, status: "DEAD", error: "failure 4" }] },
    });
    expect(new Set(attempts.calls.map(({ invocationId }) => invocationId))).toEqual(new Set([id]));
  });

  it("are not tried again where the function refuses the request", async () => {
    const fn = await createFunction(api.client);
    attempts.answer = () => ({ status: 422 });
    const { id } = await enqueue({ function: fn });
    work();
    expect(await reaches(id, "DEAD")).toMatchObject({ attempts: 1, error: "The function answered 422." });
  });

  it("wait without an attempt while there is no room", async () => {
    const fn = await createFunction(api.client);
    attempts.answer = () => {
      if (attempts.calls.length > 3) return {};
      throw new AppError("QUEUE_FULL", "Every instance is busy.", { retryAfterSeconds: 0.01 });
    };
    const { id } = await enqueue({ function: fn, maxAttempts: 1 });
    work();
    expect(await reaches(id, "SUCCEEDED")).toMatchObject({ attempts: 1 });
    expect(attempts.calls.length).toBe(4);
  });

  it("are dead where their function was deleted, and say so", async () => {
    const fn = await createFunction(api.client);
    const { id } = await enqueue({ function: fn });
    await api.client.ok(`mutation ($name: String!) { deleteFunction(name: $name) { id } }`, { name: fn });
    attempts.answer = () => {
      throw new AppError("NOT_FOUND", "There is no such function.");
    };
    work();
    expect(await reaches(id, "DEAD")).toMatchObject({ error: "The function was deleted." });
  });

  it("are one where their key is the same", async () => {
    const [fn, other] = [await createFunction(api.client), await createFunction(api.client)];
    const first = await enqueue({ function: fn, idempotencyKey: "k", body: "1" });
    const rest = await Promise.all([1, 2, 3].map(() => enqueue({ function: fn, idempotencyKey: "k", body: "1" })));
    expect(rest.map(({ id, requestBytes }) => [id, requestBytes])).toEqual([1, 2, 3].map(() => [first.id, 1]));
    expect((await enqueue({ function: other, idempotencyKey: "k" })).id).not.toBe(first.id);
    work();
    await reaches(first.id, "SUCCEEDED");
    const again = { function: fn, idempotencyKey: "k", body: "1" };
    expect(await enqueue(again)).toMatchObject({ id: first.id, status: "SUCCEEDED" });
    await api.dataSource.query("UPDATE async_invocation SET accepted_at = now() - interval '25 h' WHERE id = $1", [
      first.id,
    ]);
    expect((await enqueue({ function: fn, idempotencyKey: "k" })).id).not.toBe(first.id);
  });

  it("are refused where their key was used for another request of the function", async () => {
    const fn = await createFunction(api.client);
    const asked = { function: fn, idempotencyKey: "k", method: "POST", path: "/a", body: "1" };
    // Together, so that the store gets them at once, too.
    const both = await Promise.all([
      enqueue(asked),
      enqueue({ ...asked, headers: [{ name: "traceparent", value: "00-other" }] }),
    ]);
    expect(both[1].id).toBe(both[0].id);
    const conflict = {
      code: "CONFLICT",
      field: "idempotencyKey",
      message: expect.stringContaining(`another request of this function, invocation ${both[0].id}`),
    };
    for (const change of [{ path: "/b" }, { method: "PUT" }, { body: "2" }, { body: "" }]) {
      expect(await api.client.refused(ENQUEUE, { input: { ...asked, ...change } })).toMatchObject(conflict);
    }
    // One that an earlier version has stored says nothing of its request.
    await api.dataSource.query("UPDATE async_invocation SET request_digest = NULL WHERE id = $1", [both[0].id]);
    expect((await enqueue({ ...asked, body: "2" })).id).toBe(both[0].id);
  });

  it("wait for as long as they are told to", async () => {
    const fn = await createFunction(api.client);
    const [late, soon] = [await enqueue({ function: fn, delaySeconds: 3600 }), await enqueue({ function: fn })];
    work();
    await reaches(soon.id, "SUCCEEDED");
    expect(await get(late.id)).toMatchObject({ status: "QUEUED", attempts: 0 });
    await api.client.ok(CANCEL, { id: late.id });
  });

  it("never begin where they are called off in time", async () => {
    const fn = await createFunction(api.client);
    const { id } = await enqueue({ function: fn });
    expect(await api.client.ok(CANCEL, { id })).toMatchObject({
      cancelInvocation: { id, status: "CANCELLED", finishedAt: expect.any(String) },
    });
    const next = await enqueue({ function: fn });
    work();
    await reaches(next.id, "SUCCEEDED");
    expect(attempts.calls.map(({ invocationId }) => invocationId)).toEqual([next.id]);
    expect(await api.client.refused(CANCEL, { id })).toMatchObject({
      ...{ code: "CONFLICT", message: expect.stringContaining("This invocation is CANCELLED") },
    });
  });

  it("are broken off where they are called off while they run, by whoever runs them", async () => {
    const fn = await createFunction(api.client);
    let reason: unknown;
    attempts.answer = (_, signal) =>
      untilAborted(signal).catch((why: unknown) => Promise.reject((reason = why) as Error));
    const { id } = await enqueue({ function: fn });
    work();
    await reaches(id, "RUNNING");
    await api.client.ok(CANCEL, { id });
    await eventually(() => expect(reason).toMatchObject({ code: "CONFLICT" }));
    expect(await get(id)).toMatchObject({ status: "CANCELLED", error: "It was called off.", attempts: 1 });
  });

  it("run again where they are dead, one by one or many, with as many attempts as before", async () => {
    const fn = await createFunction(api.client);
    attempts.answer = () => ({ status: 500 });
    const ids: string[] = [];
    for (let index = 0; index < 4; index++) ids.push((await enqueue({ function: fn, maxAttempts: 2 })).id);
    work();
    for (const id of ids) await reaches(id, "DEAD");
    attempts.answer = () => ({});
    const [one = "", ...others] = ids;
    expect(await api.client.ok(REDRIVE, { id: one })).toMatchObject({
      redriveInvocation: { id: one, status: "QUEUED", error: null },
    });
    expect(await reaches(one, "SUCCEEDED")).toMatchObject({ attempts: 3 });
    const filter = { function: fn };
    expect(await api.client.ok(REDRIVE_ALL, { filter, limit: 2 })).toEqual({
      redriveInvocations: { count: 2, hasMore: true },
    });
    expect(await api.client.ok(REDRIVE_ALL, { filter: { ...filter, status: ["DEAD"] } })).toEqual({
      redriveInvocations: { count: 1, hasMore: false },
    });
    for (const id of others) await reaches(id, "SUCCEEDED");
    expect(await api.client.refused(REDRIVE, { id: one })).toMatchObject({
      ...{ code: "CONFLICT", message: "This invocation is SUCCEEDED: only one that is DEAD can be run again." },
    });
    expect(await api.client.refused(REDRIVE_ALL, { filter: { status: ["SUCCEEDED"] } })).toMatchObject({
      ...{ code: "BAD_USER_INPUT", field: "filter.status" },
    });
  });

  it("can't be called off or run again where there are none, or they were not enqueued", async () => {
    const fn = await createFunction(api.client);
    const sync = anInvocation({ functionId: await functionId(api.client, fn), status: "FAILED" });
    await api.insertInvocations([sync]);
    for (const operation of [CANCEL, REDRIVE]) {
      expect(await api.client.refused(operation, { id: newId() })).toMatchObject({ code: "NOT_FOUND", field: "id" });
      expect(await api.client.refused(operation, { id: sync.id })).toMatchObject({
        ...{ code: "CONFLICT", message: expect.stringContaining("was not enqueued") },
      });
      expect(await api.client.refused(operation, { id: "x" })).toMatchObject({ code: "BAD_USER_INPUT", field: "id" });
    }
  });

  it("send word of their end to the function that is to have it, in all that matters", async () => {
    const [fn, good, bad] = [
      await createFunction(api.client),
      await createFunction(api.client),
      await createFunction(api.client),
    ];
    attempts.answer = ({ path }) => ({ status: path === "/bad" ? 400 : 200, body: "answer" });
    const destinations = { onSuccess: { function: good }, onFailure: { function: bad } };
    const won = await enqueue({ function: fn, path: "/good", body: "asked", ...destinations });
    const lost = await enqueue({ function: fn, path: "/bad", ...destinations });
    work();
    await reaches(won.id, "SUCCEEDED");
    await reaches(lost.id, "DEAD");
    await eventually(() => expect(attempts.calls).toHaveLength(4));
    const words = await Promise.all(
      [good, bad].map(async (name) => {
        const id = await functionId(api.client, name);
        const call = attempts.calls.find((one) => one.functionId === id);
        return JSON.parse(String(call?.body)) as Record<string, unknown>;
      }),
    );
    expect(words[0]).toMatchObject({
      ...{ invocationId: won.id, function: fn, namespace: "default", status: "SUCCEEDED", error: null, attempts: 1 },
      request: { method: "POST", path: "/good", body: "asked", base64: false },
      response: { httpStatus: 200, body: "answer", base64: false },
    });
    expect(words[1]).toMatchObject({ invocationId: lost.id, status: "DEAD", error: "The function answered 400." });
  });

  it("publish word of their end to the topic that is to have it", async () => {
    const [fn, consumer] = [await createFunction(api.client), await createFunction(api.client)];
    await api.client.ok(`mutation ($i: CreateQueueTriggerInput!) { createQueueTrigger(input: $i) { id } }`, {
      i: { name: consumer, function: consumer, topic: "ends" },
    });
    const { id } = await enqueue({ function: fn, onSuccess: { topic: "ends" } });
    work();
    expect(await reaches(id, "SUCCEEDED")).toMatchObject({ error: null });
    const rows: { body: Buffer }[] = await api.dataSource.query("SELECT body FROM topic_message WHERE topic = 'ends'");
    expect(rows.map(({ body }) => JSON.parse(body.toString()) as unknown)).toMatchObject([
      { invocationId: id, function: fn, status: "SUCCEEDED", response: { body: "done" } },
    ]);
  });

  it("say where word of their end could not be sent", async () => {
    const [fn, gone] = [await createFunction(api.client), await createFunction(api.client)];
    const { id } = await enqueue({ function: fn, onSuccess: { function: gone } });
    await api.client.ok(`mutation ($name: String!) { deleteFunction(name: $name) { id } }`, { name: gone });
    work();
    expect(await reaches(id, "SUCCEEDED")).toMatchObject({
      error: "Word of its end was not sent: the function that was to have it was deleted.",
    });
  });

  it.each<[string, object, string, string | null]>([
    ["a destination that is none", { onFailure: {} }, "BAD_USER_INPUT", "onFailure"],
    ["a topic that can't be one", { onFailure: { topic: "a b" } }, "BAD_USER_INPUT", "onFailure.topic"],
    ["a function that there is not", { function: "no-such" }, "NOT_FOUND", "function"],
    ["a version that there is not", { version: 9 }, "NOT_FOUND", "version"],
    ["a destination that there is not", { onSuccess: { function: "no-such" } }, "NOT_FOUND", "onSuccess.function"],
    ["a delay of more than a day", { delaySeconds: 86_401 }, "BAD_USER_INPUT", "delaySeconds"],
    ["a delay below nothing", { delaySeconds: -1 }, "BAD_USER_INPUT", "delaySeconds"],
    ["no attempt", { maxAttempts: 0 }, "BAD_USER_INPUT", "maxAttempts"],
    ["more than 100 attempts", { maxAttempts: 101 }, "BAD_USER_INPUT", "maxAttempts"],
    ["an empty key", { idempotencyKey: "" }, "BAD_USER_INPUT", "idempotencyKey"],
    ["a key that is too long", { idempotencyKey: "k".repeat(256) }, "BAD_USER_INPUT", "idempotencyKey"],
    ["a body beyond 1 MiB", { body: "x".repeat(1_048_577) }, "BODY_TOO_LARGE", null],
    [
      "headers beyond 16 KiB",
      { headers: [1, 2, 3].map((n) => ({ name: `x-${n}`, value: "v".repeat(6_000) })) },
      "HEADERS_TOO_LARGE",
      null,
    ],
    ["a method that is none", { method: "CONNECT" }, "BAD_USER_INPUT", "method"],
  ])("refuse %s", async (_, input, code, field) => {
    const fn = await createFunction(api.client);
    const error = await api.client.refused(ENQUEUE, { input: { function: fn, ...input } });
    expect(error).toMatchObject({ code, ...(field !== null && { field }) });
  });
});
