import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { valueAt } from "../support/api-client.js";
import { ApiHarness, aPool } from "../support/api-harness.js";
import {
  createEnvironment,
  createFunction,
  createRoute,
  functionId,
  helloSource,
  someName,
} from "../support/api-resources.js";

const FIELDS = `id name revision settings { timeoutSeconds requestsPerInstance minInstances maxInstances idleTimeoutSeconds }
  environment { name } currentVersion { number source digest sizeBytes entrypoint variables { name value } environment { name } function { name } }`;
const CREATE = `mutation ($input: CreateFunctionInput!) { createFunction(input: $input) { ${FIELDS} } }`;
const UPDATE = `mutation ($input: UpdateFunctionInput!) { updateFunction(input: $input) { ${FIELDS} } }`;
const DELETE = `mutation ($name: String!, $all: Boolean! = false) { deleteFunction(name: $name, deleteTriggers: $all) { name } }`;
const ROLLBACK = `mutation ($name: String!, $to: Int!) { rollbackFunction(name: $name, toVersion: $to) { revision currentVersion { number source } } }`;

describe("functions", () => {
  let api: ApiHarness;
  let environment: string;
  beforeAll(async () => {
    api = await ApiHarness.start();
    environment = await createEnvironment(api.client);
  });
  afterAll(() => api.stop());

  const input = (wrong: object = {}): object => ({ name: someName(), environment, source: helloSource, ...wrong });

  it("are created with version 1 and the default settings", async () => {
    const name = someName();
    const { createFunction: created } = await api.client.ok(CREATE, { input: input({ name }) });
    expect(created).toMatchObject({
      ...{ name, revision: 1, environment: { name: environment } },
      settings: {
        timeoutSeconds: 60,
        requestsPerInstance: 1,
        minInstances: 0,
        maxInstances: 100,
        idleTimeoutSeconds: 120,
      },
      currentVersion: {
        ...{
          number: 1,
          source: helloSource,
          sizeBytes: Buffer.byteLength(helloSource),
          entrypoint: null,
          variables: [],
        },
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
        ...{ environment: { name: environment }, function: { name } },
      },
    });
  });

  it("are refused under a name that is taken, and without an environment", async () => {
    const name = await createFunction(api.client, { environment });
    expect(await api.client.refused(CREATE, { input: input({ name }) })).toMatchObject({
      code: "ALREADY_EXISTS",
      field: "name",
    });
    const wrong = input({ environment: someName() });
    expect(await api.client.refused(CREATE, { input: wrong })).toMatchObject({
      code: "NOT_FOUND",
      field: "environment",
    });
  });

  it("get a version by a change of code, none by a change of settings, and keep the rest", async () => {
    const name = await createFunction(api.client, {
      environment,
      entrypoint: "main",
      variables: [{ name: "A", value: "1" }],
    });
    const changed = await api.client.ok(UPDATE, { input: { name, source: "exports.main = 1" } });
    expect(changed).toMatchObject({
      updateFunction: {
        revision: 2,
        currentVersion: {
          number: 2,
          source: "exports.main = 1",
          entrypoint: "main",
          variables: [{ name: "A", value: "1" }],
        },
      },
    });
    const settings = { maxInstances: 7 };
    expect(await api.client.ok(UPDATE, { input: { name, settings } })).toMatchObject({
      updateFunction: { revision: 3, currentVersion: { number: 2 }, settings: { maxInstances: 7, timeoutSeconds: 60 } },
    });
  });

  it("tell an entrypoint that is null from one that is left out", async () => {
    const name = await createFunction(api.client, { environment, entrypoint: "main" });
    const kept = await api.client.ok(UPDATE, { input: { name, variables: [{ name: "B", value: "2" }] } });
    expect(valueAt(kept, "updateFunction.currentVersion.entrypoint")).toBe("main");
    const reset = await api.client.ok(UPDATE, { input: { name, entrypoint: null } });
    expect(valueAt(reset, "updateFunction.currentVersion.entrypoint")).toBeNull();
  });

  it("refuse an update of what the caller has not seen", async () => {
    const name = await createFunction(api.client, { environment });
    const stale = { name, source: "1", expectedRevision: 9 };
    expect(await api.client.refused(UPDATE, { input: stale })).toMatchObject({
      code: "CONFLICT",
      field: "expectedRevision",
    });
    expect(await api.client.refused(UPDATE, { input: { name: someName() } })).toMatchObject({ code: "NOT_FOUND" });
  });

  it("go back to an earlier version", async () => {
    const name = await createFunction(api.client, { environment });
    await api.client.ok(UPDATE, { input: { name, source: "2" } });
    expect(await api.client.ok(ROLLBACK, { name, to: 1 })).toEqual({
      rollbackFunction: { revision: 3, currentVersion: { number: 1, source: helloSource } },
    });
    expect(await api.client.refused(ROLLBACK, { name, to: 3 })).toMatchObject({
      code: "NOT_FOUND",
      field: "toVersion",
    });
    expect(await api.client.refused(ROLLBACK, { name: someName(), to: 1 })).toMatchObject({ code: "NOT_FOUND" });
  });

  it("list their versions, newest first", async () => {
    const name = await createFunction(api.client, { environment });
    for (const source of ["2", "3"]) await api.client.ok(UPDATE, { input: { name, source } });
    const query = `query ($name: String!, $after: String) { function(name: $name) {
      versions(first: 2, after: $after) { totalCount nodes { number } pageInfo { hasNextPage endCursor } }
    } }`;
    const page = await api.client.ok(query, { name });
    expect(page).toMatchObject({
      function: { versions: { totalCount: 3, nodes: [{ number: 3 }, { number: 2 }], pageInfo: { hasNextPage: true } } },
    });
    const after = valueAt(page, "function.versions.pageInfo.endCursor");
    expect(await api.client.ok(query, { name, after })).toMatchObject({
      function: { versions: { nodes: [{ number: 1 }], pageInfo: { hasNextPage: false } } },
    });
  });

  it("are deleted with their triggers only where that is said", async () => {
    const name = await createFunction(api.client, { environment });
    const route = await createRoute(api.client, { function: name });
    expect(await api.client.refused(DELETE, { name })).toMatchObject({ code: "IN_USE" });
    expect(await api.client.ok(DELETE, { name, all: true })).toEqual({ deleteFunction: { name } });
    expect(await api.client.ok(`query ($id: ID!) { trigger(id: $id) { id } }`, { id: route })).toEqual({
      trigger: null,
    });
    expect(await api.client.refused(DELETE, { name })).toMatchObject({ code: "NOT_FOUND", field: "name" });
  });

  it("show the instances that run them", async () => {
    const name = await createFunction(api.client, { environment });
    const id = await functionId(api.client, name);
    const at = new Date("2026-01-02T03:04:05.006Z");
    const instance = {
      ...{ id: "i-1", state: "READY" as const, address: "127.0.0.1:1", environmentId: "e", functionId: id },
      ...{ functionVersion: 1, inFlight: 2, startedAt: at, specializedAt: at, lastUsedAt: null, problem: null },
    };
    api.pools.set(aPool("e", { instances: [instance, { ...instance, id: "i-2", functionId: null }] }));
    const query = `query ($name: String!) { function(name: $name) { instances { id state inFlight functionVersion startedAt lastUsedAt problem function { name } } } }`;
    expect(await api.client.ok(query, { name })).toEqual({
      function: {
        instances: [
          {
            ...{ id: "i-1", state: "READY", inFlight: 2, functionVersion: 1, function: { name } },
            ...{ startedAt: "2026-01-02T03:04:05.006Z", lastUsedAt: null, problem: null },
          },
        ],
      },
    });
  });

  it("are found by part of their name, by environment and by namespace", async () => {
    const namespace = someName();
    const other = await createEnvironment(api.client, { namespace });
    const home = await createEnvironment(api.client, { namespace });
    await createFunction(api.client, { namespace, environment: home, name: "greet-all" });
    await createFunction(api.client, { namespace, environment: home, name: "wave" });
    await createFunction(api.client, { namespace, environment: other, name: "greet-one" });
    const query = `query ($namespace: String, $environment: String, $search: String) {
      functions(namespace: $namespace, environment: $environment, search: $search) { totalCount nodes { name } }
    }`;
    const names = async (filter: object): Promise<string[]> => {
      const data = await api.client.ok(query, { namespace, ...filter });
      const nodes = valueAt<{ name: string }[]>(data, "functions.nodes");
      expect(valueAt(data, "functions.totalCount")).toBe(nodes.length);
      return nodes.map(({ name }) => name);
    };
    expect(await names({})).toEqual(["greet-all", "greet-one", "wave"]);
    expect(await names({ search: "greet" })).toEqual(["greet-all", "greet-one"]);
    expect(await names({ search: "greet", environment: home })).toEqual(["greet-all"]);
    expect(await names({ search: "%" })).toEqual([]);
  });

  const variables = (...names: string[]): object => ({ variables: names.map((name) => ({ name, value: "" })) });

  it.each([
    ["name", { name: "Hello" }],
    ["environment", { environment: "a b" }],
    ["source", { source: "x".repeat(256 * 1024 + 1) }],
    ["source", { source: "ü".repeat(128 * 1024 + 1) }],
    ["source", { source: "" }],
    ["source", { source: "nul \0" }],
    ["entrypoint", { entrypoint: "not an identifier" }],
    ["entrypoint", { entrypoint: "1st" }],
    ["variables.1.name", variables("GOOD", "1BAD")],
    ["variables.0.name", variables("FERMI_KEY")],
    ["variables.0.name", variables("PORT")],
    ["variables.1.name", variables("A", "A")],
    ["variables.0.value", { variables: [{ name: "A", value: "\0" }] }],
    ["variables", variables(...Array.from({ length: 101 }, (_, index) => `V${index}`))],
    ["settings.timeoutSeconds", { settings: { timeoutSeconds: 0 } }],
    ["settings.requestsPerInstance", { settings: { requestsPerInstance: 1001 } }],
    ["settings.minInstances", { settings: { minInstances: 3, maxInstances: 2 } }],
    ["settings.maxInstances", { settings: { maxInstances: 0 } }],
    ["settings.idleTimeoutSeconds", { settings: { idleTimeoutSeconds: 86_401 } }],
  ])("refuse a wrong %s and say what would be right", async (field, wrong) => {
    const error = await api.client.refused(CREATE, { input: input(wrong) });
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", field, message: expect.stringMatching(/must/) });
    const { name: _name, ...change } = wrong as { name?: string };
    if (Object.keys(change).length === 0) return;
    const name = await createFunction(api.client, { environment });
    expect(await api.client.refused(UPDATE, { input: { name, ...change } })).toMatchObject({
      code: "BAD_USER_INPUT",
      field,
    });
  });

  it("keep a source of exactly 256 KiB", async () => {
    const source = `//${"x".repeat(256 * 1024 - 2)}`;
    const created = await api.client.ok(CREATE, { input: input({ source }) });
    expect(valueAt(created, "createFunction.currentVersion.sizeBytes")).toBe(262_144);
  });

  it.each([0, 604_801])("have no stats of a window of %i s", async (windowSeconds) => {
    const name = await createFunction(api.client, { environment });
    const query = `query ($name: String!, $windowSeconds: Int!) { function(name: $name) { stats(windowSeconds: $windowSeconds) { total } } }`;
    expect(await api.client.gql(query, { name, windowSeconds })).toMatchObject({
      errors: [{ extensions: { code: "BAD_USER_INPUT", field: "windowSeconds" } }],
    });
  });

  it("have stats of nothing before they are called", async () => {
    const name = await createFunction(api.client, { environment });
    const query = `query ($name: String!) { function(name: $name) { stats { total failed coldStarts p50Ms p95Ms p99Ms } } }`;
    expect(await api.client.ok(query, { name })).toEqual({
      function: { stats: { total: 0, failed: 0, coldStarts: 0, p50Ms: null, p95Ms: null, p99Ms: null } },
    });
  });
});
