import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../src/errors/app-error.js";
import type { ApiError } from "../support/api-client.js";
import { ApiHarness } from "../support/api-harness.js";
import { createFunction } from "../support/api-resources.js";

const secret = "hunter2-secret";
const secretDigits = "31415926535897932384";
const secretWord = "hunter2_secret";
/** In any of its forms. */
const anySecret = /hunter2|3141592653589/;
const json = { "content-type": "application/json" };

/** Literals where they can't be. */
const literals: [string, string, RegExp][] = [
  [
    "a float literal",
    `{ functions(first: 1.${secretDigits}) { totalCount } }`,
    /^Int cannot represent non-integer value\.$/,
  ],
  [
    "a large literal",
    `{ functions(first: ${secretDigits}) { totalCount } }`,
    /^Int cannot represent non 32-bit signed integer value\.$/,
  ],
  [
    "a number where text must be",
    `{ function(name: ${secretDigits}) { id } }`,
    /^String cannot represent a non string value\.$/,
  ],
  [
    "a bare word where text must be",
    `{ function(name: ${secretWord}) { id } }`,
    /^String cannot represent a non string value\.$/,
  ],
  [
    "an object where text must be",
    `{ function(name: { a: "${secret}" }) { id } }`,
    /^String cannot represent a non string value\.$/,
  ],
  [
    "a list where text must be",
    `{ function(name: ["${secret}"]) { id } }`,
    /^String cannot represent a non string value\.$/,
  ],
  [
    "a block string",
    `{ functions(first: """${secret}""") { totalCount } }`,
    /^Int cannot represent non-integer value\.$/,
  ],
  [
    "text where an object must be",
    `{ invocations(filter: "${secret}") { nodes { id } } }`,
    /^Expected value of type "InvocationFilter"\.$/,
  ],
  [
    "a value that an enum lacks",
    `{ triggers(kind: ${secretWord}) { totalCount } }`,
    /^Expected a value of the enum "TriggerKind"\.$/,
  ],
  ["an id", `{ trigger(id: { a: "${secret}" }) { id } }`, /^ID cannot represent a non-string and non-integer value\.$/],
  [
    "a directive's argument",
    `{ viewer { subject @include(if: "${secret}") } }`,
    /^Boolean cannot represent a non boolean value\.$/,
  ],
  [
    "a variable's default",
    `query ($first: Int = "${secret}") { functions(first: $first) { totalCount } }`,
    /^Int cannot represent non-integer value\.$/,
  ],
  [
    "a default of no input's field",
    `query ($f: InvocationFilter = { source: "${secret}" }) { invocations(filter: $f) { nodes { id } } }`,
    /^Enum "InvocationSource" cannot represent non-enum value\.$/,
  ],
  ["syntax around a number", `{ functions ${secretDigits} }`, /^Syntax Error: Expected Name, found Int\.$/],
  [
    "syntax around a block string",
    `{ functions """${secret}""" }`,
    /^Syntax Error: Expected Name, found BlockString\.$/,
  ],
  ["a string without its end", `{ function(name: "${secret}) { id } }`, /^Syntax Error: Unterminated string\.$/],
];

/** An operation, its variables and the one error that it gets, wherever it comes in. */
type Wrong = [string, string, Record<string, unknown>, ApiError["extensions"], RegExp];

const givenNull = (
  what: string,
  query: string,
  field: string,
  variables: Record<string, unknown> = { n: null },
): Wrong => [
  what,
  query,
  variables,
  { code: "BAD_USER_INPUT", field },
  new RegExp(`^${field} must be given, and not be null`),
];

/** Valid as documents, since what they set has a default. */
const nulls: Wrong[] = [
  givenNull(
    "null for an argument",
    'query ($n: String = "a") { function(name: "a", namespace: $n) { id } }',
    "namespace",
  ),
  givenNull("null for a page's size", "query ($n: Int) { functions(first: $n) { totalCount } }", "first"),
  givenNull("null for a directive", "query ($n: Boolean = true) { viewer { subject @include(if: $n) } }", "if"),
  givenNull(
    "null for a field of an input",
    `mutation ($n: String) {
      createFunction(input: {
        name: "a", environment: "nodejs", source: "x", namespace: $n, variables: [{ name: "TOKEN", value: "${secret}" }]
      }) { id }
    }`,
    "namespace",
  ),
  givenNull(
    "null as a default, in a fragment",
    `query ($n: String = null) { ...found }
     fragment found on Query { logs(filter: { namespace: $n, function: "${secret}" }) { nodes { message } } }`,
    "namespace",
    {},
  ),
  givenNull(
    "null far inside",
    `mutation ($n: Int) {
      createFunction(input: {
        name: "a", environment: "nodejs", source: "${secret}", settings: { timeoutSeconds: $n }
      }) { id }
    }`,
    "settings.timeoutSeconds",
  ),
];

const wrong: Wrong[] = [
  [
    "a scalar of another type",
    "query ($n: String!) { function(name: $n) { id } }",
    { n: [secret] },
    { code: "BAD_USER_INPUT", field: "n" },
    /must be of type String!/,
  ],
  [
    "a variable that is left out",
    "query ($n: String!) { function(name: $n) { id } }",
    {},
    { code: "BAD_USER_INPUT", field: "n" },
    /must be given/,
  ],
  [
    "an enum's value",
    "query ($k: TriggerKind) { triggers(kind: $k) { totalCount } }",
    { k: secret },
    { code: "BAD_USER_INPUT", field: "k" },
    /must be one of HTTP, TIME/,
  ],
  [
    "a date",
    "query ($f: InvocationFilter) { invocations(filter: $f) { nodes { id } } }",
    { f: { since: secret } },
    { code: "BAD_USER_INPUT", field: "since" },
    /must be of type DateTime, such as/,
  ],
  [
    "a day that there is not",
    "query ($f: InvocationFilter) { invocations(filter: $f) { nodes { id } } }",
    { f: { until: "2026-02-31T00:00:00Z" } },
    { code: "BAD_USER_INPUT", field: "until" },
    /must be of type DateTime, such as/,
  ],
  [
    "a field inside",
    "mutation ($i: CreateFunctionInput!) { createFunction(input: $i) { id } }",
    { i: { name: "a", environment: "b", source: "c", variables: [{ name: "A", value: 1 }] } },
    { code: "BAD_USER_INPUT", field: "variables.0.value" },
    /must be of type String!/,
  ],
  [
    "a field that is missing",
    "mutation ($i: CreateFunctionInput!) { createFunction(input: $i) { id } }",
    { i: { name: "a", environment: "b" } },
    { code: "BAD_USER_INPUT", field: "source" },
    /must be given/,
  ],
  [
    "a field there is not",
    "mutation ($i: CreateFunctionInput!) { createFunction(input: $i) { id } }",
    { i: { name: "a", environment: "b", source: "c", [secret]: 1 } },
    { code: "BAD_USER_INPUT", field: "i" },
    /it has namespace, name, environment, source/,
  ],
  ...nulls,
  [
    "a literal",
    `{ functions(first: "${secret}") { totalCount } }`,
    {},
    { code: "BAD_REQUEST" },
    /^Int cannot represent non-integer value\.$/,
  ],
  [
    "an enum literal",
    `{ triggers(kind: "${secret}") { totalCount } }`,
    {},
    { code: "BAD_REQUEST" },
    /Enum "TriggerKind" cannot represent/,
  ],
  [
    "a date literal",
    `{ invocations(filter: { since: "${secret}" }) { nodes { id } } }`,
    {},
    { code: "BAD_REQUEST" },
    /^DateTime must be of the form/,
  ],
  ...literals.map(([what, query, message]): Wrong => [what, query, {}, { code: "BAD_REQUEST" }, message]),
  ["syntax", `{ functions "${secret}" }`, {}, { code: "BAD_REQUEST" }, /^Syntax Error: Expected Name, found String/],
  ["a field that no type has", "{ functionz { id } }", {}, { code: "BAD_REQUEST" }, /Cannot query field "functionz"/],
  [
    "a name",
    "query ($n: String!) { function(name: $n) { id } }",
    { n: `${secret} \0` },
    { code: "BAD_USER_INPUT", field: "name" },
    /^name must be 1 to 63/,
  ],
  [
    "a source",
    "mutation ($i: CreateFunctionInput!) { createFunction(input: $i) { id } }",
    { i: { name: "a", environment: "b", source: `${secret}\0` } },
    { code: "BAD_USER_INPUT", field: "source" },
    /must be text/,
  ],
];

describe("errors", () => {
  let api: ApiHarness;
  let fn: string;
  beforeAll(async () => {
    api = await ApiHarness.start();
    fn = await createFunction(api.client);
  });
  beforeEach(() => {
    api.invoker.failure = undefined;
    api.log.entries.length = 0;
  });
  afterAll(() => api.stop());

  const invoke = `mutation ($fn: String!) { invokeFunction(input: { function: $fn }) { id } }`;

  it.each(wrong)(
    "say what is wrong with %s without repeating it",
    async (_what, query, variables, extensions, message) => {
      const { errors, text, headers } = await api.client.gql(query, variables);
      expect(errors).toMatchObject([{ message: expect.stringMatching(message), extensions }]);
      expect(text).not.toMatch(anySecret);
      expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
      expect(JSON.stringify(api.log.entries)).not.toMatch(anySecret);
    },
  );

  it.each(nulls)("refuse %s as a whole", async (_what, query, variables) => {
    expect((await api.client.gql(query, variables)).status).toBe(400);
  });

  it.each(wrong)("say the same over WebSocket of %s", async (_what, query, variables, extensions, message) => {
    const errors = await api.client.subscribe(query, variables).refusal();
    expect(errors).toMatchObject([{ message: expect.stringMatching(message), extensions }]);
    expect(JSON.stringify(errors)).not.toMatch(anySecret);
  });

  it("carry the code, the message and when to try again of what the router refused", async () => {
    api.invoker.failure = new AppError("QUEUE_FULL", "All slots are taken.", { retryAfterSeconds: 7 });
    const { errors } = await api.client.gql(invoke, { fn });
    expect(errors).toMatchObject([
      {
        message: "All slots are taken.",
        path: ["invokeFunction"],
        extensions: { code: "QUEUE_FULL", retryAfterSeconds: 7 },
      },
    ]);
    expect(api.log.entries).toMatchObject([{ level: "warn", fields: { code: "QUEUE_FULL" } }]);
  });

  it("hide what went wrong inside, and log it with its cause and the request's id", async () => {
    const cause = Object.assign(new Error("password authentication failed"), { parameters: [secret] });
    api.invoker.failure = new Error("SELECT broke at /srv/app.js", { cause });
    for (const ask of ["http", "ws"]) {
      const { errors, id } = ask === "http" ? await askHttp() : await askWs();
      expect(errors).toMatchObject([
        { message: "Something went wrong inside Fermi. Its log says what.", extensions: { code: "INTERNAL" } },
      ]);
      expect(JSON.stringify(errors)).not.toMatch(/SELECT|app\.js|password|stack/);
      const logged = api.log.entries.find(({ fields }) => id === undefined || fields.requestId === id);
      expect(logged).toMatchObject({ level: "error", fields: { code: "INTERNAL", path: "invokeFunction" } });
      expect(logged?.fields.err).toMatchObject({
        message: "SELECT broke at /srv/app.js",
        cause: { message: "password authentication failed" },
      });
      expect(JSON.stringify(api.log.entries)).not.toContain(secret);
    }
  });

  const askHttp = async (): Promise<{ errors: unknown; id: string | undefined }> => {
    const { errors, headers } = await api.client.gql(invoke, { fn });
    return { errors, id: headers.get("x-request-id") ?? "" };
  };
  const askWs = async (): Promise<{ errors: unknown; id: string | undefined }> => {
    api.log.entries.length = 0;
    return { errors: await api.client.subscribe(invoke, { fn }).refusal(), id: undefined };
  };

  it.each([
    ["no JSON", `{"query": "${secret}`, json],
    ["no object", `"${secret}"`, json],
    ["no query", "{}", json],
    ["another type of body", `query=${secret}`, { "content-type": "application/x-www-form-urlencoded" }],
    ["another charset", "{}", { "content-type": "application/json; charset=x" }],
  ])("are JSON where the body is %s", async (_what, body, headers) => {
    const answer = await api.client.raw({ method: "POST", path: "/graphql", headers }, body);
    expect(answer.status).toBe(400);
    expect(answer.headers["content-type"]).toMatch(/^application\/(json|graphql-response\+json)/);
    expect(answer.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ extensions: { code: "BAD_REQUEST" } }] });
    expect(answer.text).not.toContain(secret);
  });

  it("keep other sites' simple requests out", async () => {
    const answer = await api.client.raw({ path: "/graphql?query=%7Bviewer%7Bsubject%7D%7D" });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("CSRF");
  });

  it("refuse a subscription over HTTP, and an operation that the document does not have", async () => {
    const { errors, status } = await api.client.gql(`subscription { poolChanges { warm } }`);
    expect(status).toBe(400);
    expect(errors).toMatchObject([
      { message: expect.stringContaining("WebSocket"), extensions: { code: "BAD_REQUEST" } },
    ]);
    const answer = await api.client.raw(
      { method: "POST", path: "/graphql", headers: json },
      JSON.stringify({ query: "query a { viewer { subject } }", operationName: secret }),
    );
    const message = "operationName must name one of the document's operations.";
    expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ message, extensions: { code: "BAD_REQUEST" } }] });
  });

  it("answer with JSON where there is nothing", async () => {
    const answer = await api.client.raw({ path: "/nowhere" });
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ extensions: { code: "NOT_FOUND" } }] });
  });
});
