/** What all lists have in common: their cursors, and the names that narrow them. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { valueAt } from "../support/api-client.js";
import { aLine, anInvocation, ApiHarness } from "../support/api-harness.js";
import { createEnvironment, createFunction, createRoute, functionId, someName } from "../support/api-resources.js";

const PAGE = "edges { cursor } pageInfo { endCursor }";

/** Each list's query, which takes `$after`, and where its page is in the answer. */
const lists = {
  environments: [`environments(first: 1, after: $after)`, "environments"],
  functions: [`functions(first: 1, after: $after)`, "functions"],
  "functions of an environment": [
    `environment(name: $env) { functions(first: 1, after: $after)`,
    "environment.functions",
  ],
  triggers: [`triggers(first: 1, after: $after)`, "triggers"],
  versions: [`function(name: $fn) { versions(first: 1, after: $after)`, "function.versions"],
  invocations: [`invocations(first: 1, after: $after)`, "invocations"],
  "invocations of a function": [`function(name: $fn) { invocations(first: 1, after: $after)`, "function.invocations"],
  logs: [`logs(filter: {}, first: 1, after: $after)`, "logs"],
} as const satisfies Record<string, readonly [string, string]>;

type List = keyof typeof lists;

/** They show the same things in the same order, so a place in one is a place in the other. */
const alike: readonly List[][] = [
  ["functions", "functions of an environment"],
  ["invocations", "invocations of a function"],
];
const areAlike = (a: List, b: List): boolean => a === b || alike.some((pair) => pair.includes(a) && pair.includes(b));

describe("every list", () => {
  let api: ApiHarness;
  let names: { env: string; fn: string };
  beforeAll(async () => {
    api = await ApiHarness.start();
    const env = await createEnvironment(api.client);
    names = { env, fn: await createFunction(api.client, { environment: env }) };
    await createRoute(api.client, { function: names.fn });
    const id = await functionId(api.client, names.fn);
    await api.insertInvocations([anInvocation({ functionId: id })]);
    await api.insertLines([aLine({ functionId: id })]);
  });
  afterAll(() => api.stop());

  const queryOf = (list: List): string => {
    const [field] = lists[list];
    const closing = field.includes("{ versions") || field.includes(") { ") ? " }" : "";
    return `query ($after: String, $env: String! = "x", $fn: String! = "x") {
      ${field} { ${PAGE} }${closing} env: environment(name: $env) { id } fn: function(name: $fn) { id }
    }`;
  };
  const cursorOf = async (list: List): Promise<string> =>
    valueAt(await api.client.ok(queryOf(list), names), `${lists[list][1]}.edges.0.cursor`);
  const refusal = (list: List, after: string): Promise<object> =>
    api.client.refused(queryOf(list), { ...names, after });
  const expected = {
    code: "BAD_USER_INPUT",
    field: "after",
    message: "after must be a cursor of this list, as its pageInfo gives.",
  };

  it.each(Object.keys(lists) as List[])("takes its own cursor and no other's: %s", async (list) => {
    for (const other of Object.keys(lists) as List[]) {
      const after = await cursorOf(other);
      if (areAlike(list, other)) await api.client.ok(queryOf(list), { ...names, after });
      else expect(await refusal(list, after)).toMatchObject(expected);
    }
  });

  it.each(Object.keys(lists) as List[])(
    "refuses its cursor with any character changed, lost or added: %s",
    async (list) => {
      const cursor = await cursorOf(list);
      const changed = [0, 9, cursor.length - 1].map(
        (at) => cursor.slice(0, at) + (cursor[at] === "A" ? "B" : "A") + cursor.slice(at + 1),
      );
      for (const after of [
        ...changed,
        cursor.slice(0, -1),
        cursor.slice(1),
        `${cursor}A`,
        `${cursor}=`,
        ` ${cursor}`,
      ]) {
        expect([after, await refusal(list, after)]).toEqual([after, expect.objectContaining(expected)]);
      }
    },
  );

  it("refuses the cursor of the other end alike", async () => {
    const query = `query ($before: String) { logs(filter: {}, last: 1, before: $before) { nodes { id } } }`;
    expect(await api.client.refused(query, { before: await cursorOf("invocations") })).toMatchObject({
      code: "BAD_USER_INPUT",
      field: "before",
      message: "before must be a cursor of this list, as its pageInfo gives.",
    });
  });

  it.each([
    ["functions", `environment: "none"`, "environment", "environment"],
    ["triggers", `function: "none"`, "function", "function"],
    ["invocations", `filter: {function: "none"}`, "filter.function", "function"],
    ["logs", `filter: {function: "none"}`, "filter.function", "function"],
  ])("of %s narrowed by a name that nobody has is NOT_FOUND: %s", async (list, narrowing, field, kind) => {
    const query = `{ ${list}(${narrowing}) { nodes { __typename } } }`;
    const message = expect.stringMatching(`^There is no ${kind} with this name`);
    expect(await api.client.refused(query)).toMatchObject({ code: "NOT_FOUND", field, message });
  });

  it("of functions and triggers looks for the name in the namespace that is asked for", async () => {
    const namespace = someName();
    const unused = await createEnvironment(api.client);
    const unrouted = await createFunction(api.client, { environment: unused });
    const functions = `query ($namespace: String, $environment: String) {
      functions(namespace: $namespace, environment: $environment) { totalCount nodes { name } } }`;
    const triggers = `query ($namespace: String, $function: String) {
      triggers(namespace: $namespace, function: $function) { totalCount nodes { name } } }`;
    expect(await api.client.ok(functions, { environment: names.env })).toMatchObject({
      functions: { totalCount: 1 },
    });
    expect(await api.client.ok(triggers, { function: unrouted })).toEqual({ triggers: { totalCount: 0, nodes: [] } });
    expect(await api.client.refused(functions, { namespace, environment: names.env })).toMatchObject({
      code: "NOT_FOUND",
      message: "There is no environment with this name in this namespace.",
    });
    expect(await api.client.refused(triggers, { namespace, function: names.fn })).toMatchObject({ code: "NOT_FOUND" });
  });
});
