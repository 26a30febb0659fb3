import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../src/errors/app-error.js";
import { newId } from "../../src/lib/new-id.js";
import { valueAt } from "../support/api-client.js";
import { aLine, anInvocation, ApiHarness } from "../support/api-harness.js";
import { createFunction, createRoute, functionId } from "../support/api-resources.js";

const INVOKE = `mutation ($input: InvokeFunctionInput!) { invokeFunction(input: $input) {
  id status functionVersion method path source function { name } trigger { id } result { httpStatus headers body base64 }
} }`;
const LIST = `query ($f: InvocationFilter, $first: Int! = 50, $after: String) { invocations(filter: $f, first: $first, after: $after) {
  nodes { id status } pageInfo { hasNextPage endCursor }
} }`;
const LOGS = `query ($f: LogFilter!, $first: Int, $after: String, $last: Int, $before: String) {
  logs(filter: $f, first: $first, after: $after, last: $last, before: $before) { nodes { message } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor } }
}`;

describe("invocations", () => {
  let api: ApiHarness;
  let fn: string;
  let id: string;
  beforeAll(async () => {
    api = await ApiHarness.start();
    fn = await createFunction(api.client);
    id = await functionId(api.client, fn);
  });
  beforeEach(() => {
    api.invoker.calls.length = 0;
    api.invoker.failure = undefined;
  });
  afterAll(() => api.stop());

  it("run a function and give its answer", async () => {
    expect(await api.client.ok(INVOKE, { input: { function: fn } })).toEqual({
      invokeFunction: {
        ...{ id: expect.any(String), status: "SUCCEEDED", functionVersion: 1, method: "POST", path: "/" },
        ...{ source: "GRAPHQL", function: { name: fn }, trigger: null },
        result: { httpStatus: 200, headers: { "content-type": "text/plain" }, body: "Hi", base64: false },
      },
    });
  });

  it("pass on version, method, path, headers and body", async () => {
    const headers = [
      { name: "X-A", value: "1" },
      { name: "x-a", value: "2" },
    ];
    await api.client.ok(INVOKE, {
      input: { function: fn, version: 1, method: "PUT", path: "/a?b=%20", headers, body: "{}" },
    });
    expect(api.invoker.calls).toEqual([
      {
        ...{
          functionId: id,
          version: 1,
          method: "PUT",
          path: "/a?b=%20",
          body: "{}",
          source: "GRAPHQL",
          triggerId: null,
        },
        headers: [
          ["X-A", "1"],
          ["x-a", "2"],
        ],
      },
    ]);
  });

  it("are refused for what is not there, or does not load", async () => {
    expect(await api.client.refused(INVOKE, { input: { function: "nobody" } })).toMatchObject({
      code: "NOT_FOUND",
      field: "function",
    });
    expect(await api.client.refused(INVOKE, { input: { function: fn, version: 9 } })).toMatchObject({
      code: "NOT_FOUND",
      field: "version",
    });
    expect(api.invoker.calls).toEqual([]);
    api.invoker.failure = new AppError("LOAD_FAILED", "SyntaxError: line 1");
    expect(await api.client.refused(INVOKE, { input: { function: fn } })).toMatchObject({
      code: "LOAD_FAILED",
      message: "SyntaxError: line 1",
    });
  });

  it.each([
    ["function", { function: "No Label" }],
    ["version", { version: 0 }],
    ["method", { method: "TRACE" }],
    ["path", { path: "nowhere" }],
    ["path", { path: "/a b" }],
    ["path", { path: "/\r\nX: y" }],
    ["headers.0.name", { headers: [{ name: "a b", value: "" }] }],
    ["headers.0.value", { headers: [{ name: "a", value: "x\r\ny: z" }] }],
    ["headers", { headers: Array.from({ length: 101 }, () => ({ name: "a", value: "" })) }],
  ])("refuse a wrong %s: %j", async (field, wrong) => {
    const error = await api.client.refused(INVOKE, { input: { function: fn, ...wrong } });
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", field, message: expect.stringMatching(/must/) });
  });

  it("are found by id with function, trigger and log, also when the function has been deleted", async () => {
    const name = await createFunction(api.client);
    const [of, triggerId] = [await functionId(api.client, name), await createRoute(api.client, { function: name })];
    const invocation = anInvocation({
      functionId: of,
      triggerId,
      status: "FAILED",
      error: "it broke",
      acceptedAt: new Date(),
    });
    await api.insertInvocations([invocation]);
    await api.insertLines(
      ["one", "two"].map((message) => aLine({ functionId: of, invocationId: invocation.id, message })),
    );
    const query = `query ($id: ID!) { invocation(id: $id) { id error durationMs acceptedAt function { name } trigger { id } result { body }
      logs(first: 1) { nodes { message invocationId } pageInfo { hasNextPage } } } }`;
    const found = {
      ...{ id: invocation.id, error: "it broke", durationMs: 12.5, acceptedAt: invocation.acceptedAt.toISOString() },
      ...{ function: { name }, trigger: { id: triggerId }, result: null },
      logs: { nodes: [{ message: "one", invocationId: invocation.id }], pageInfo: { hasNextPage: true } },
    };
    expect(await api.client.ok(query, { id: invocation.id })).toEqual({ invocation: found });
    await api.client.ok(`mutation ($n: String!) { deleteFunction(name: $n, deleteTriggers: true) { id } }`, {
      n: name,
    });
    expect(valueAt(await api.client.ok(query, { id: invocation.id }), "invocation.function.name")).toBe(name);
    expect(await api.client.ok(query, { id: newId() })).toEqual({ invocation: null });
    expect(await api.client.refused(query, { id: "7" })).toMatchObject({ code: "BAD_USER_INPUT", field: "id" });
  });

  it("with sizes and counts beyond GraphQL's Int stay readable", async () => {
    const name = await createFunction(api.client);
    const of = await functionId(api.client, name);
    const long = anInvocation({
      functionId: of,
      requestBytes: 2 ** 31,
      responseBytes: 5 * 2 ** 40,
      acceptedAt: new Date(),
    });
    await api.insertInvocations([long, anInvocation({ functionId: of, acceptedAt: new Date(0) })]);
    const columns = "function_id, span_seconds, span_start, total, failed, cold_starts, histogram";
    await api.dataSource.query(
      `INSERT INTO invocation_stats (${columns}) VALUES ($1, 3600, $2, 3e9, 2147483648, 2147483647, '{7}')`,
      [of, new Date(Math.floor(Date.now() / 3_600_000 - 1) * 3_600_000)],
    );
    const query = `query ($n: String!) {
      invocations(filter: { function: $n }) { nodes { requestBytes responseBytes } }
      function(name: $n) { stats(windowSeconds: 14400) { total failed coldStarts } }
    }`;
    const most = 2_147_483_647;
    expect(await api.client.ok(query, { n: name })).toEqual({
      invocations: {
        nodes: [
          { requestBytes: most, responseBytes: most },
          { requestBytes: 3, responseBytes: 5 },
        ],
      },
      function: { stats: { total: most, failed: most, coldStarts: most } },
    });
  });

  it("are listed newest first, filtered, and paged, stable under inserts", async () => {
    const name = await createFunction(api.client);
    const of = await functionId(api.client, name);
    const at = (second: number, status: "FAILED" | "SUCCEEDED"): ReturnType<typeof anInvocation> =>
      anInvocation({ functionId: of, status, acceptedAt: new Date(Date.UTC(2026, 0, 1, 0, 0, second)) });
    const made = [at(1, "FAILED"), at(2, "SUCCEEDED"), at(3, "FAILED")];
    for (const invocation of made) await api.insertInvocations([invocation]);
    const ids = async (variables: { f?: object; first?: number; after?: string }): Promise<string[]> => {
      const data = await api.client.ok(LIST, { ...variables, f: { function: name, ...variables.f } });
      return valueAt<{ id: string }[]>(data, "invocations.nodes").map((node) => node.id);
    };
    const [first, second, third] = made.map((invocation) => invocation.id);
    expect(await ids({})).toEqual([third, second, first]);
    expect(await ids({ f: { status: ["FAILED"] } })).toEqual([third, first]);
    expect(await ids({ f: { status: [] } })).toEqual([third, second, first]);
    expect(await ids({ f: { source: "TIME" } })).toEqual([]);
    expect(await ids({ f: { since: "2026-01-01T00:00:02Z", until: "2026-01-01T00:00:02.999Z" } })).toEqual([second]);
    const page = await api.client.ok(LIST, { f: { function: name }, first: 1 });
    await api.insertInvocations([at(4, "SUCCEEDED")]);
    expect(await ids({ first: 1, after: valueAt(page, "invocations.pageInfo.endCursor") })).toEqual([second]);
    const ofFunction = `query ($n: String!) { function(name: $n) { invocations(first: 1, status: FAILED) { nodes { id } pageInfo { hasNextPage } } } }`;
    expect(await api.client.ok(ofFunction, { n: name })).toEqual({
      function: { invocations: { nodes: [{ id: third }], pageInfo: { hasNextPage: true } } },
    });
  });

  it("are listed with what they printed by the name of a function that has been deleted, the latest of that name", async () => {
    const name = await createFunction(api.client);
    const remove = `mutation ($n: String!) { deleteFunction(name: $n) { id } }`;
    const query = `query ($n: String!) {
      invocations(filter: { function: $n }) { nodes { id } } logs(filter: { function: $n }) { nodes { message } }
    }`;
    const record = async (message: string): Promise<object> => {
      const invocation = anInvocation({ functionId: await functionId(api.client, name), acceptedAt: new Date() });
      await api.insertInvocations([invocation]);
      await api.insertLines([aLine({ functionId: invocation.functionId, message })]);
      return { invocations: { nodes: [{ id: invocation.id }] }, logs: { nodes: [{ message }] } };
    };
    await record("first");
    await api.client.ok(remove, { n: name });
    await createFunction(api.client, { name: name });
    const second = await record("second");
    await api.client.ok(remove, { n: name });
    expect(await api.client.ok(query, { n: name })).toEqual(second);
    const follow = `subscription ($n: String!) { logs(filter: { function: $n }, tail: 1) { message } }`;
    expect(await api.client.subscribe(follow, { n: name }).take(1)).toEqual([{ logs: { message: "second" } }]);
    await createFunction(api.client, { name: name });
    expect(await api.client.ok(query, { n: name })).toEqual({ invocations: { nodes: [] }, logs: { nodes: [] } });
  });

  it("are listed by the trigger that called, also when it has been deleted", async () => {
    const functionId = id;
    const triggerId = await createRoute(api.client, { function: fn });
    const called = anInvocation({ functionId, triggerId, acceptedAt: new Date() });
    await api.insertInvocations([called, anInvocation({ functionId, acceptedAt: new Date() })]);
    const ofTrigger = { invocations: { nodes: [{ id: called.id, status: called.status }] } };
    expect(await api.client.ok(LIST, { f: { trigger: triggerId } })).toMatchObject(ofTrigger);
    expect(await api.client.ok(LIST, { f: { trigger: newId() } })).toMatchObject({ invocations: { nodes: [] } });
    await api.client.ok(`mutation ($id: ID!) { deleteTrigger(id: $id) { id } }`, { id: triggerId });
    expect(await api.client.ok(LIST, { f: { trigger: triggerId } })).toMatchObject(ofTrigger);
  });

  it("refuse wrong filters", async () => {
    expect(await api.client.refused(LIST, { f: { trigger: "nightly" } })).toMatchObject({
      code: "BAD_USER_INPUT",
      field: "filter.trigger",
    });
    expect(await api.client.refused(LIST, { f: { function: "nobody" } })).toMatchObject({
      code: "NOT_FOUND",
      field: "filter.function",
    });
    expect(await api.client.refused(LIST, { f: { namespace: "Bad" } })).toMatchObject({
      code: "BAD_USER_INPUT",
      field: "filter.namespace",
    });
    expect(await api.client.refused(LIST, { after: "bad" })).toMatchObject({ code: "BAD_USER_INPUT", field: "after" });
  });
});

describe("logs", () => {
  let api: ApiHarness;
  let fn: string;
  beforeAll(async () => {
    api = await ApiHarness.start();
    fn = await createFunction(api.client);
    const id = await functionId(api.client, fn);
    await api.insertLines(["a", "b", "c", "d"].map((message) => aLine({ functionId: id, message })));
  });
  afterAll(() => api.stop());

  const messages = async (page: object, f: object = {}): Promise<string> => {
    const data = await api.client.ok(LOGS, { f: { function: fn, ...f }, ...page });
    return valueAt<{ message: string }[]>(data, "logs.nodes")
      .map(({ message }) => message)
      .join("");
  };

  it("are read from either end, oldest first", async () => {
    expect(await messages({})).toBe("abcd");
    expect(await messages({ first: 2 })).toBe("ab");
    expect(await messages({ last: 2 })).toBe("cd");
    const data = await api.client.ok(LOGS, { f: { function: fn }, last: 2 });
    expect(data).toMatchObject({ logs: { pageInfo: { hasPreviousPage: true, hasNextPage: false } } });
    const start = valueAt(data, "logs.pageInfo.startCursor");
    expect(await messages({ last: 5, before: start })).toBe("ab");
    expect(await messages({ first: 5, after: start })).toBe("d");
    expect(await messages({ after: start })).toBe("d");
    expect(await messages({}, { contains: "c" })).toBe("c");
  });

  it.each([
    [{ first: 1, last: 1 }, {}, "last"],
    [{ first: 1, before: "x" }, {}, "before"],
    [{ first: 0 }, {}, "first"],
    [{ last: 201 }, {}, "last"],
    [{ after: "bad" }, {}, "after"],
    [{ before: "bad" }, {}, "before"],
    [{}, { invocationId: "7" }, "filter.invocationId"],
    [{}, { contains: "\0" }, "filter.contains"],
  ])("refuse %j with %j", async (page, filter, field) => {
    expect(await api.client.refused(LOGS, { f: { function: fn, ...filter }, ...page })).toMatchObject({
      code: "BAD_USER_INPUT",
      field,
    });
  });

  it("refuse a function that is none", async () => {
    expect(await api.client.refused(LOGS, { f: { function: "nobody" } })).toMatchObject({
      code: "NOT_FOUND",
      field: "filter.function",
    });
  });
});
