import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { newId } from "../../src/lib/new-id.js";
import { valueAt } from "../support/api-client.js";
import { ApiHarness } from "../support/api-harness.js";
import { createEnvironment, createFunction, createRoute, someName } from "../support/api-resources.js";

const FIELDS = `id name namespace revision enabled methods path host url function { name }
  cors { allowOrigins allowMethods allowHeaders exposeHeaders allowCredentials maxAgeSeconds }`;
const CREATE = `mutation ($input: CreateHttpTriggerInput!) { createHttpTrigger(input: $input) { ${FIELDS} } }`;
const UPDATE = `mutation ($input: UpdateHttpTriggerInput!) { updateHttpTrigger(input: $input) { ${FIELDS} } }`;
const GET = `query ($id: ID!) { trigger(id: $id) { __typename id enabled ... on HttpTrigger { path } } }`;

describe("HTTP triggers", () => {
  let api: ApiHarness;
  let fn: string;
  beforeAll(async () => {
    api = await ApiHarness.start();
    fn = await createFunction(api.client);
  });
  afterAll(() => api.stop());

  it("are created with the defaults of the schema, named after their route", async () => {
    const path = `/${someName()}/{id}`;
    const { createHttpTrigger: created } = await api.client.ok(CREATE, { input: { function: fn, path } });
    expect(created).toEqual({
      id: expect.any(String),
      ...{ namespace: "default", revision: 1, enabled: true, methods: ["GET"], path, host: null, cors: null },
      name: expect.stringMatching(/^get-n[0-9a-f]+-id$/),
      url: `http://localhost:31314${path}`,
      function: { name: fn },
    });
  });

  it("say with a host at which address they are called", async () => {
    const host = `${someName()}.example.com`;
    const cors = { allowOrigins: ["https://app.example.com"], allowMethods: ["PUT"], allowHeaders: ["X-A"] };
    const created = await api.client.ok(CREATE, { input: { function: fn, path: "/", host, cors } });
    expect(created).toMatchObject({
      createHttpTrigger: {
        url: `http://${host}:31314/`,
        cors: { ...cors, exposeHeaders: [], allowCredentials: false, maxAgeSeconds: 600 },
      },
    });
  });

  it("are refused where the function is none, or the route is taken", async () => {
    const path = `/${someName()}`;
    await createRoute(api.client, { function: fn, path });
    const nobody = { function: someName(), path: `/${someName()}` };
    expect(await api.client.refused(CREATE, { input: nobody })).toMatchObject({ code: "NOT_FOUND", field: "function" });
    const namespace = someName();
    const other = await createFunction(api.client, { namespace });
    for (const second of [
      { function: fn, path },
      { function: other, namespace, path, methods: ["POST", "GET"] },
    ]) {
      expect(await api.client.refused(CREATE, { input: second })).toMatchObject({
        code: "ALREADY_EXISTS",
        field: "path",
      });
    }
  });

  it("are refused under a name that is taken", async () => {
    const name = someName();
    await createRoute(api.client, { function: fn, name });
    const error = await api.client.refused(CREATE, { input: { function: fn, name, path: `/${someName()}` } });
    expect(error).toMatchObject({ code: "ALREADY_EXISTS", field: "name" });
  });

  it("keep what an update leaves out, and tell a host that is null from one that is left out", async () => {
    const id = await createRoute(api.client, { function: fn, host: "a.example.com", methods: ["GET", "PUT"] });
    const kept = await api.client.ok(UPDATE, { input: { id, methods: ["PUT"] } });
    expect(kept).toMatchObject({ updateHttpTrigger: { revision: 2, methods: ["PUT"], host: "a.example.com" } });
    const reset = await api.client.ok(UPDATE, { input: { id, host: null } });
    expect(reset).toMatchObject({ updateHttpTrigger: { revision: 3, methods: ["PUT"], host: null } });
  });

  it("refuse an update of what the caller has not seen, or of none", async () => {
    const id = await createRoute(api.client, { function: fn });
    const stale = { id, methods: ["PUT"], expectedRevision: 4 };
    expect(await api.client.refused(UPDATE, { input: stale })).toMatchObject({
      code: "CONFLICT",
      field: "expectedRevision",
    });
    expect(await api.client.refused(UPDATE, { input: { id: newId() } })).toMatchObject({
      code: "NOT_FOUND",
      field: "id",
    });
  });

  it("are turned off and on, and deleted", async () => {
    const id = await createRoute(api.client, { function: fn });
    const set = `mutation ($id: ID!, $on: Boolean!) { setTriggerEnabled(id: $id, enabled: $on) { __typename enabled function { name } } }`;
    expect(await api.client.ok(set, { id, on: false })).toEqual({
      setTriggerEnabled: { __typename: "HttpTrigger", enabled: false, function: { name: fn } },
    });
    expect(await api.client.ok(GET, { id })).toMatchObject({
      trigger: { __typename: "HttpTrigger", id, enabled: false },
    });
    const remove = `mutation ($id: ID!) { deleteTrigger(id: $id) { id } }`;
    expect(await api.client.ok(remove, { id })).toEqual({ deleteTrigger: { id } });
    expect(await api.client.ok(GET, { id })).toEqual({ trigger: null });
    expect(await api.client.refused(remove, { id })).toMatchObject({ code: "NOT_FOUND", field: "id" });
    expect(await api.client.refused(set, { id, on: true })).toMatchObject({ code: "NOT_FOUND", field: "id" });
  });

  it("are asked for by a UUID only", async () => {
    for (const operation of [
      `query ($id: ID!) { trigger(id: $id) { id } }`,
      `mutation ($id: ID!) { deleteTrigger(id: $id) { id } }`,
      `mutation ($id: ID!) { setTriggerEnabled(id: $id, enabled: true) { id } }`,
      `mutation ($id: ID!) { updateHttpTrigger(input: { id: $id }) { id } }`,
    ]) {
      const error = await api.client.refused(operation, { id: "'; DROP TABLE" });
      expect(error).toMatchObject({ code: "BAD_USER_INPUT", field: "id", message: "id must be a UUID." });
    }
  });

  it("are listed by function, kind and namespace, and paged", async () => {
    const namespace = someName();
    const environment = await createEnvironment(api.client, { namespace });
    const [one, two] = [
      await createFunction(api.client, { namespace, environment }),
      await createFunction(api.client, { namespace, environment }),
    ];
    for (const name of ["c", "a"]) await createRoute(api.client, { namespace, name, function: one });
    await createRoute(api.client, { namespace, name: "b", function: two });
    const query = `query ($namespace: String, $fn: String, $kind: TriggerKind, $first: Int! = 50, $after: String) {
      triggers(namespace: $namespace, function: $fn, kind: $kind, first: $first, after: $after) { totalCount nodes { name } pageInfo { endCursor } }
    }`;
    const names = async (filter: object): Promise<string[]> =>
      valueAt<{ name: string }[]>(await api.client.ok(query, { namespace, ...filter }), "triggers.nodes").map(
        ({ name }) => name,
      );
    expect(await names({})).toEqual(["a", "b", "c"]);
    expect(await names({ fn: one })).toEqual(["a", "c"]);
    expect(await names({ kind: "HTTP" })).toEqual(["a", "b", "c"]);
    expect(await names({ kind: "TIME" })).toEqual([]);
    const first = await api.client.ok(query, { namespace, first: 1 });
    expect(valueAt(first, "triggers.totalCount")).toBe(3);
    expect(await names({ after: valueAt(first, "triggers.pageInfo.endCursor") })).toEqual(["b", "c"]);
  });

  it.each([
    ["path", { path: "no-slash" }],
    ["path", { path: "/a b" }],
    ["path", { path: "/a?x=1" }],
    ["path", { path: "/a/*/b" }],
    ["path", { path: "/a/x{id}" }],
    ["path", { path: "/{id}/{id}" }],
    ["path", { path: "/%zz" }],
    ["path", { path: "/-/mine" }],
    ["methods", { methods: [] }],
    ["methods", { methods: ["FETCH"] }],
    ["methods", { methods: ["get"] }],
    ["methods", { methods: ["GET", "GET"] }],
    ["host", { host: "Example.com" }],
    ["host", { host: "example.com:80" }],
    ["host", { host: "https://example.com" }],
    ["name", { name: "No Label" }],
    ["cors.allowOrigins", { cors: { allowOrigins: [] } }],
    ["cors.allowOrigins", { cors: { allowOrigins: ["example.com"] } }],
    ["cors.allowOrigins", { cors: { allowOrigins: ["https://*.example.com"] } }],
    ["cors.allowCredentials", { cors: { allowOrigins: ["*"], allowCredentials: true } }],
    ["cors.allowMethods", { cors: { allowOrigins: ["*"], allowMethods: ["?"] } }],
    ["cors.allowHeaders", { cors: { allowOrigins: ["*"], allowHeaders: ["a b"] } }],
    ["cors.maxAgeSeconds", { cors: { allowOrigins: ["*"], maxAgeSeconds: -1 } }],
  ])("refuse a wrong %s and say what would be right: %j", async (field, wrong) => {
    const error = await api.client.refused(CREATE, { input: { function: fn, path: `/${someName()}`, ...wrong } });
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", field, message: expect.stringMatching(/must/) });
  });
});
