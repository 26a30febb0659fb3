import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { valueAt } from "../support/api-client.js";
import { ApiHarness, aPool } from "../support/api-harness.js";
import { createEnvironment, createFunction, someName } from "../support/api-resources.js";

const CREATE = `mutation ($input: CreateEnvironmentInput!) {
  createEnvironment(input: $input) {
    id namespace name revision image contract poolSize gracePeriodSeconds createdAt updatedAt
    resources { cpuRequest cpuLimit memoryRequest memoryLimit }
  }
}`;
const UPDATE = `mutation ($input: UpdateEnvironmentInput!) {
  updateEnvironment(input: $input) { revision image poolSize gracePeriodSeconds resources { cpuRequest memoryLimit } }
}`;
const DELETE = `mutation ($name: String!, $namespace: String! = "default") {
  deleteEnvironment(name: $name, namespace: $namespace) { name }
}`;

describe("environments", () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await ApiHarness.start();
  });
  afterAll(() => api.stop());

  it("are created with the defaults of the schema", async () => {
    const name = someName();
    const { createEnvironment: created } = await api.client.ok(CREATE, { input: { name, image: "fermi/nodejs" } });
    expect(created).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ...{ namespace: "default", name, revision: 1, image: "fermi/nodejs", contract: "FERMI" },
      ...{ poolSize: 3, gracePeriodSeconds: 30 },
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updatedAt: valueAt(created, "createdAt"),
      resources: { cpuRequest: null, cpuLimit: null, memoryRequest: null, memoryLimit: null },
    });
  });

  it("are found by name in their namespace, and null where there is none", async () => {
    const name = await createEnvironment(api.client, { namespace: "blue" });
    const query = `query ($name: String!) { environment(name: $name) { name } in: environment(name: $name, namespace: "blue") { name } }`;
    expect(await api.client.ok(query, { name })).toEqual({ environment: null, in: { name } });
  });

  it("are refused under a name that is taken, and accepted under it in another namespace", async () => {
    const name = await createEnvironment(api.client);
    expect(await api.client.refused(CREATE, { input: { name, image: "fermi/nodejs" } })).toMatchObject({
      code: "ALREADY_EXISTS",
      field: "name",
    });
    await createEnvironment(api.client, { name, namespace: "other" });
  });

  it("keep what an update leaves out", async () => {
    const name = await createEnvironment(api.client, { resources: { cpuRequest: "100m", memoryLimit: "96Mi" } });
    const input = { name, poolSize: 5, resources: { memoryLimit: "128Mi" } };
    expect(await api.client.ok(UPDATE, { input })).toEqual({
      updateEnvironment: {
        ...{ revision: 2, image: "fermi/nodejs", poolSize: 5, gracePeriodSeconds: 30 },
        resources: { cpuRequest: "100m", memoryLimit: "128Mi" },
      },
    });
  });

  describe("with a pod template", () => {
    const CREATE_WITH = `mutation ($input: CreateEnvironmentInput!) { createEnvironment(input: $input) { podTemplate } }`;
    const UPDATE_WITH = `mutation ($input: UpdateEnvironmentInput!) {
      updateEnvironment(input: $input) { revision poolSize podTemplate }
    }`;
    const podTemplate = {
      metadata: { labels: { team: "blue" }, annotations: { "example.com/note": "any text" } },
      spec: {
        imagePullSecrets: [{ name: "registry-key" }],
        nodeSelector: { "kubernetes.io/arch": "amd64" },
        tolerations: [{ key: "dedicated", operator: "Exists", effect: "NoSchedule" }],
      },
    };

    it("keep it until it is taken away", async () => {
      const name = someName();
      const input = { name, image: "fermi/nodejs", podTemplate };
      expect(await api.client.ok(CREATE_WITH, { input })).toEqual({ createEnvironment: { podTemplate } });
      const update = (change: object): Promise<unknown> => api.client.ok(UPDATE_WITH, { input: { name, ...change } });
      expect(await update({ poolSize: 1 })).toEqual({ updateEnvironment: { revision: 2, poolSize: 1, podTemplate } });
      expect(await update({ podTemplate })).toMatchObject({ updateEnvironment: { revision: 2 } });
      expect(await update({ podTemplate: null })).toMatchObject({
        updateEnvironment: { revision: 3, podTemplate: null },
      });
    });

    it("are refused with what could let a function out of its pod, and told why", async () => {
      const input = { name: someName(), image: "fermi/nodejs", podTemplate: { spec: { hostNetwork: true } } };
      const refusal = { code: "BAD_USER_INPUT", field: "podTemplate.spec.hostNetwork" };
      const error = await api.client.refused(CREATE_WITH, { input });
      expect(error).toMatchObject(refusal);
      expect(error.message).toMatch(/would share a namespace of the node with functions/);
      const name = await createEnvironment(api.client);
      expect(await api.client.refused(UPDATE_WITH, { input: { ...input, name } })).toMatchObject(refusal);
    });
  });

  it("refuse an update of what the caller has not seen", async () => {
    const name = await createEnvironment(api.client);
    await api.client.ok(UPDATE, { input: { name, poolSize: 1, expectedRevision: 1 } });
    expect(await api.client.refused(UPDATE, { input: { name, poolSize: 2, expectedRevision: 1 } })).toMatchObject({
      code: "CONFLICT",
      field: "expectedRevision",
    });
  });

  it("can't be updated or deleted where there is none", async () => {
    const name = someName();
    expect(await api.client.refused(UPDATE, { input: { name, poolSize: 2 } })).toMatchObject({ code: "NOT_FOUND" });
    expect(await api.client.refused(DELETE, { name })).toMatchObject({ code: "NOT_FOUND", field: "name" });
  });

  it("can't be deleted while a function uses them", async () => {
    const name = await createEnvironment(api.client);
    const fn = await createFunction(api.client, { environment: name });
    expect(await api.client.refused(DELETE, { name })).toMatchObject({ code: "IN_USE" });
    await api.client.ok(`mutation ($name: String!) { deleteFunction(name: $name) { id } }`, { name: fn });
    expect(await api.client.ok(DELETE, { name })).toEqual({ deleteEnvironment: { name } });
    expect(await api.client.ok(`query ($n: String!) { environment(name: $n) { id } }`, { n: name })).toEqual({
      environment: null,
    });
  });

  it.each([
    ["FERMI", "FISSION_V1", { entrypoint: "handler" }, { entrypoint: null }, /1 function with an entrypoint/],
    ["FISSION_V2", "FERMI", { entrypoint: "module.main" }, { entrypoint: "main" }, /1 function with an entrypoint/],
    ["FERMI", "FISSION_V2", { variables: [{ name: "A", value: "1" }] }, { variables: [] }, /1 function with variables/],
  ])("can't change from %s to %s while a function has %j", async (from, contract, unfit, fit, why) => {
    const name = await createEnvironment(api.client, { contract: from });
    const fn = await createFunction(api.client, { environment: name, ...unfit });
    await createFunction(api.client, { environment: name, ...fit });
    const error = await api.client.refused(UPDATE, { input: { name, contract } });
    expect(error).toMatchObject({ code: "IN_USE", message: expect.stringMatching(why) });
    const update = `mutation ($input: UpdateFunctionInput!) { updateFunction(input: $input) { revision } }`;
    await api.client.ok(update, { input: { name: fn, ...fit } });
    expect(await api.client.ok(UPDATE, { input: { name, contract } })).toMatchObject({
      updateEnvironment: { revision: 2 },
    });
  });

  it("show their pool and the functions that use them", async () => {
    const name = await createEnvironment(api.client);
    const functions = [
      await createFunction(api.client, { environment: name, name: `a-${name}` }),
      await createFunction(api.client, { environment: name, name: `b-${name}` }),
    ];
    const query = `query ($name: String!) { environment(name: $name) {
      id pool { warm starting specialized } functions(first: 1) { totalCount nodes { name } pageInfo { hasNextPage endCursor } }
    } }`;
    const before = await api.client.ok(query, { name });
    expect(before).toMatchObject({
      environment: {
        pool: { warm: 0, starting: 0, specialized: 0 },
        functions: { totalCount: 2, nodes: [{ name: functions[0] }], pageInfo: { hasNextPage: true } },
      },
    });
    api.pools.set(aPool(valueAt(before, "environment.id"), { warm: 2, specialized: 1 }));
    const after = valueAt(before, "environment.functions.pageInfo.endCursor");
    const next = `query ($name: String!, $after: String) { environment(name: $name) {
      pool { warm specialized } functions(after: $after) { nodes { name } pageInfo { hasNextPage } }
    } }`;
    expect(await api.client.ok(next, { name, after })).toEqual({
      environment: {
        pool: { warm: 2, specialized: 1 },
        functions: { nodes: [{ name: functions[1] }], pageInfo: { hasNextPage: false } },
      },
    });
  });

  it.each([
    ["name", { name: "Bad_Name" }],
    ["name", { name: "-x" }],
    ["name", { name: "a".repeat(64) }],
    ["name", { name: "" }],
    ["namespace", { namespace: "über" }],
    ["image", { image: "not an image" }],
    ["image", { image: "fermi/NodeJS" }],
    ["image", { image: "unknown/runtime" }],
    ["poolSize", { poolSize: -1 }],
    ["poolSize", { poolSize: 101 }],
    ["gracePeriodSeconds", { gracePeriodSeconds: 3601 }],
    ["resources.cpuRequest", { resources: { cpuRequest: "many" } }],
    ["resources.memoryLimit", { resources: { memoryLimit: "0" } }],
    ["resources.memoryLimit", { resources: { memoryLimit: "1" } }],
    ["resources.memoryLimit", { resources: { memoryLimit: "64Mi" } }],
    ["resources.cpuLimit", { resources: { cpuLimit: "1m" } }],
    ["resources.memoryRequest", { resources: { memoryRequest: "2Gi", memoryLimit: "1Gi" } }],
  ])("refuse a wrong %s and say what would be right: %j", async (field, wrong) => {
    const input = { name: someName(), image: "fermi/nodejs", ...wrong };
    const error = await api.client.refused(CREATE, { input });
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", field, message: expect.stringMatching(/must/) });
  });

  it("are listed in order and paged by cursor, stable under inserts", async () => {
    const namespace = someName();
    for (const name of ["b", "d", "f"]) await createEnvironment(api.client, { name, namespace });
    const query = `query ($namespace: String, $after: String) { environments(namespace: $namespace, first: 2, after: $after) {
      totalCount nodes { name } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    } }`;
    const { environments: first } = await api.client.ok(query, { namespace });
    const cursors = [valueAt(first, "edges.0.cursor"), valueAt(first, "edges.1.cursor")];
    expect(first).toEqual({
      totalCount: 3,
      nodes: [{ name: "b" }, { name: "d" }],
      edges: cursors.map((cursor) => ({ cursor })),
      pageInfo: { hasNextPage: true, hasPreviousPage: false, startCursor: cursors[0], endCursor: cursors[1] },
    });
    for (const name of ["a", "c", "e"]) await createEnvironment(api.client, { name, namespace });
    expect(await api.client.ok(query, { namespace, after: cursors[1] })).toMatchObject({
      environments: { nodes: [{ name: "e" }, { name: "f" }], pageInfo: { hasNextPage: false, hasPreviousPage: true } },
    });
  });

  it.each([0, -1, 201, 2_147_483_647])("are not listed %i at a time", async (first) => {
    const error = await api.client.refused(`query ($first: Int!) { environments(first: $first) { nodes { id } } }`, {
      first,
    });
    expect(error).toMatchObject({
      code: "BAD_USER_INPUT",
      field: "first",
      message: "first must be a whole number from 1 to 200.",
    });
  });

  it.each(["", "no cursor", "eyJhIjoxfQ", "\0"])("are not listed from a cursor that is none: %j", async (after) => {
    const error = await api.client.refused(`query ($after: String) { environments(after: $after) { nodes { id } } }`, {
      after,
    });
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", field: "after" });
  });
});
