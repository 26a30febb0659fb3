import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { getIntrospectionQuery, getOperationAST, Kind, OperationTypeNode, parse, print } from "graphql";
import { newId } from "../../src/lib/new-id.js";
import type { ApiError } from "../support/api-client.js";
import { ApiHarness } from "../support/api-harness.js";
import { createEnvironment } from "../support/api-resources.js";

const root = path.resolve(import.meta.dirname, "../..");

const nested = (depth: number): string =>
  Array.from({ length: depth / 2 }).reduce<string>(
    (inner) => `environment { functions(first: 1) { nodes { ${inner} } } }`,
    "name",
  );
const aliases = (count: number): string =>
  `{ ${Array.from({ length: count }, (_, index) => `a${index}: viewer { subject }`).join(" ")} }`;
const fragments = `query { functions(first: 1) { nodes { ...A ...A } } }
  fragment A on Function { ...B ...B ...B ...B ...B ...B }
  fragment B on Function { ...C ...C ...C ...C ...C ...C }
  fragment C on Function { x: name }`;
const heavy = `{ functions(first: 200) { nodes { versions(first: 200) { nodes { id } } } } }`;
const sources = `{ functions(first: 200) { nodes { versions(first: 3) { nodes { source } } } } }`;
const answers = `{ functions(first: 40) { nodes { invocations(first: 200) { nodes { result { body } } } } } }`;
const runs = `{ triggers(first: 200) { nodes { ... on TimeTrigger { a: nextRuns(count: 100) b: nextRuns(count: 100) } } } }`;
const lists = `{ function(name: "a") { triggers { function { triggers { function { triggers { id } } } } } } }`;
const directives = `{ viewer { ${Array.from({ length: 51 }, () => "subject @include(if: true)").join(" ")} } }`;
const tokens = `{ viewer { ${"subject ".repeat(2_000)} } }`;

/** Each level doubles what the one below asks for: few words, thousands of fields. */
const doubling = (levels: number, type: string, innermost: string): string =>
  Array.from({ length: levels }, (_, at) => {
    const inside = at + 1 < levels ? `...a${at + 1} ...a${at + 1}` : innermost;
    return `fragment a${at} on ${type} { ${inside} }`;
  }).join("\n");

const tooLarge: [string, string, RegExp][] = [
  ["depth", `{ function(name: "a") { ${nested(12)} } }`, /limit of depth is 12/],
  ["aliases", aliases(31), /limit of aliases is 30/],
  ["aliases in fragments", fragments, /limit of aliases is 30/],
  ["complexity", heavy, /limit of complexity is 25000/],
  ["complexity of texts", sources, /limit of complexity is 25000/],
  ["complexity of answers", answers, /limit of complexity is 25000/],
  ["complexity of coming runs", runs, /limit of complexity is 25000/],
  ["fields of lists in lists", lists, /fewer lists inside each other.*: the limit of fields is 1000000\.$/],
  ["directives", directives, /limit of directives is 50/],
  [
    "selections",
    `{ ...a0 } ${doubling(13, "Query", "viewer { subject }")}`,
    /fewer fragments.*: the limit of selections is 10000\.$/,
  ],
  [
    "selections of introspection",
    `{ __schema { ...a0 } } ${doubling(13, "__Schema", "description")}`,
    /limit of selections is 10000/,
  ],
  ["tokens", tokens, /^The operation is too large\. Send a shorter document.*: the limit of tokens is 2000\.$/],
];

/** A page of everything the playground's lists show. */
const reasonable = `{ functions(first: 200) { totalCount pageInfo { hasNextPage endCursor } nodes {
  id name namespace revision createdAt environment { name image } currentVersion { number digest sizeBytes createdAt }
  triggers { id name ... on HttpTrigger { path methods url } } instances { id state inFlight }
} } }`;

/** As they are sent, each variable that is needed with a value of its type. */
async function ownQueries(): Promise<{ query: string; variables: object }[]> {
  const texts: string[] = [];
  for (const name of await readdir(path.join(root, "src/cli/operations"))) {
    const module = (await import(path.join(root, "src/cli/operations", name))) as Record<string, { text: string }>;
    texts.push(...Object.values(module).map(({ text }) => text));
  }
  for (const name of await readdir(path.join(root, "web/src/tour"))) {
    if (name.endsWith(".graphql")) texts.push(await readFile(path.join(root, "web/src/tour", name), "utf8"));
  }
  const values: Record<string, unknown> = { "Int!": 200, "ID!": newId(), "String!": "a" };
  return texts.flatMap((query) => {
    const operation = getOperationAST(parse(query));
    if (operation?.operation !== OperationTypeNode.QUERY) return [];
    const needed = (operation.variableDefinitions ?? []).filter(({ type }) => type.kind === Kind.NON_NULL_TYPE);
    const variables = needed.map(({ variable, type }): [string, unknown] => {
      return [variable.name.value, values[print(type)] ?? {}];
    });
    return [{ query, variables: Object.fromEntries(variables) }];
  });
}

describe("limits", () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await ApiHarness.start();
    await createEnvironment(api.client);
  });
  afterAll(() => api.stop());

  const overHttp = async (query: string): Promise<readonly ApiError[]> => {
    const { errors = [], status } = await api.client.gql(query);
    expect(status).toBe(400);
    return errors;
  };
  const overWebSocket = (query: string): Promise<readonly ApiError[]> => api.client.subscribe(query).refusal();

  it.each(tooLarge)("refuse over HTTP what is too large in %s", async (_what, query, message) => {
    expect(await overHttp(query)).toMatchObject([
      { message: expect.stringMatching(message), extensions: { code: "BAD_REQUEST" } },
    ]);
  });

  it.each(tooLarge)("refuse over WebSocket what is too large in %s", async (_what, query, message) => {
    expect(await overWebSocket(query)).toMatchObject([
      { message: expect.stringMatching(message), extensions: { code: "BAD_REQUEST" } },
    ]);
  });

  it("refuse a page that is too large by its field over WebSocket too", async () => {
    const [error] = await overWebSocket("{ functions(first: 201) { nodes { id } } }");
    expect(error).toMatchObject({ extensions: { code: "BAD_USER_INPUT", field: "first" } });
  });

  it("let the playground's introspection and a full page pass, both ways", async () => {
    for (const query of [getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true }), reasonable]) {
      await api.client.ok(query);
      const [data] = await api.client.subscribe(query).take(1);
      expect(data).toBeDefined();
    }
  });

  it("let each query of the command line and of the tour pass, with pages as large as may be", async () => {
    const queries = await ownQueries();
    expect(queries.length).toBeGreaterThan(15);
    for (const { query, variables } of queries) {
      const { errors = [] } = await api.client.gql(query, variables);
      const unexpected = errors.filter(({ message }) => !/^There is no function|^count must/.test(message));
      expect(unexpected).toEqual([]);
    }
  });

  it("refuse introspection that would grow without bound", async () => {
    const deep = `{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }`;
    const [error] = await overHttp(deep);
    expect(error).toMatchObject({ extensions: { code: "BAD_REQUEST" } });
  });

  it("measure the operation that is run, not its neighbours", async () => {
    const both = `query heavy ${heavy} query light { viewer { subject } }`;
    const { status, text } = await api.client.raw(
      { method: "POST", path: "/graphql", headers: { "content-type": "application/json" } },
      JSON.stringify({ query: both, operationName: "light" }),
    );
    expect([status, JSON.parse(text)]).toEqual([200, { data: { viewer: { subject: "local" } } }]);
  });

  it("bound the body, in JSON", async () => {
    const answer = await api.client.raw(
      { method: "POST", path: "/graphql", headers: { "content-type": "application/json" } },
      JSON.stringify({ query: "{ viewer { subject } }", variables: { pad: "x".repeat(4 * 1024 * 1024) } }),
    );
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ extensions: { code: "BODY_TOO_LARGE" } }] });
  });

  it("bound a message over WebSocket", async () => {
    const subscription = api.client.subscribe("query ($pad: String) { viewer { subject } }", {
      pad: "x".repeat(1024 * 1024),
    });
    await subscription.until(() => subscription.failure !== undefined);
    expect(subscription.failure).toMatchObject({ code: 1009 });
  });
});
