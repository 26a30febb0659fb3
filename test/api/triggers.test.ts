import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { TriggerRecordsRepository } from "../../src/store/repositories/trigger-records.repository.js";
import { type Data, valueAt } from "../support/api-client.js";
import { anInvocation, ApiHarness } from "../support/api-harness.js";
import {
  createEnvironment,
  createFunction,
  createRoute,
  createTrigger,
  functionId,
  someName,
} from "../support/api-resources.js";

const kinds = ["TimeTrigger", "KubernetesWatchTrigger", "QueueTrigger"] as const;
const STATUS = `query ($id: ID!) { trigger(id: $id) { __typename status { condition reason since } } }`;
const SET = `mutation ($id: ID!, $on: Boolean!) { setTriggerEnabled(id: $id, enabled: $on) { __typename id enabled } }`;
const DELETE = `mutation ($id: ID!) { deleteTrigger(id: $id) { __typename id name } }`;

describe("triggers of all kinds", () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await ApiHarness.start();
  });
  afterAll(() => api.stop());

  it("are listed together in the order of namespace, name and kind, and paged", async () => {
    const namespace = someName();
    const fn = await createFunction(api.client, { namespace });
    for (const kind of kinds) {
      for (const name of ["b", "a"]) await createTrigger(api.client, kind, { namespace, name, function: fn });
    }
    await createRoute(api.client, { namespace, name: "a", function: fn });
    const query = `query ($namespace: String, $kind: TriggerKind, $first: Int! = 50, $after: String) {
      triggers(namespace: $namespace, kind: $kind, first: $first, after: $after) {
        totalCount nodes { name __typename } pageInfo { endCursor hasNextPage } } }`;
    const list = async (more: object): Promise<string[]> =>
      valueAt<{ name: string; __typename: string }[]>(
        await api.client.ok(query, { namespace, ...more }),
        "triggers.nodes",
      ).map((node) => `${node.name} ${node.__typename}`);
    const all = await list({});
    expect(all).toEqual([
      ...["a HttpTrigger", "a KubernetesWatchTrigger", "a QueueTrigger", "a TimeTrigger"],
      ...["b KubernetesWatchTrigger", "b QueueTrigger", "b TimeTrigger"],
    ]);
    expect(await list({ kind: "QUEUE" })).toEqual(["a QueueTrigger", "b QueueTrigger"]);
    const paged: string[] = [];
    let after: string | null = null;
    for (let hasNext = true; hasNext;) {
      const page: Data = await api.client.ok(query, { namespace, first: 2, after });
      paged.push(
        ...valueAt<{ name: string; __typename: string }[]>(page, "triggers.nodes").map(
          (n) => `${n.name} ${n.__typename}`,
        ),
      );
      expect(valueAt(page, "triggers.totalCount")).toBe(7);
      after = valueAt(page, "triggers.pageInfo.endCursor");
      hasNext = valueAt<boolean>(page, "triggers.pageInfo.hasNextPage");
    }
    expect(paged).toEqual(all);
    const ofFunction = `query ($name: String!, $namespace: String!) { function(name: $name, namespace: $namespace) { triggers { name } } }`;
    const found = await api.client.ok(ofFunction, { name: fn, namespace });
    expect(valueAt<unknown[]>(found, "function.triggers")).toHaveLength(7);
  });

  it("refuse a cursor that is of another list, or no cursor", async () => {
    const query = `query ($after: String) { triggers(after: $after) { nodes { id } } }`;
    for (const after of ["x", ""]) {
      expect(await api.client.refused(query, { after })).toMatchObject({ code: "BAD_USER_INPUT", field: "after" });
    }
  });

  it.each(kinds)("are turned off and on, and deleted: %s", async (kind) => {
    const fn = await createFunction(api.client);
    const id = await createTrigger(api.client, kind, { function: fn });
    expect(await api.client.ok(SET, { id, on: false })).toEqual({
      setTriggerEnabled: { __typename: kind, id, enabled: false },
    });
    expect(await api.client.ok(STATUS, { id })).toMatchObject({
      trigger: { status: { condition: "DISABLED", reason: "It is switched off." } },
    });
    expect(await api.client.ok(SET, { id, on: true })).toMatchObject({ setTriggerEnabled: { enabled: true } });
    expect(await api.client.ok(DELETE, { id })).toMatchObject({ deleteTrigger: { __typename: kind, id } });
    expect(await api.client.ok(STATUS, { id })).toEqual({ trigger: null });
    expect(await api.client.refused(SET, { id, on: true })).toMatchObject({ code: "NOT_FOUND", field: "id" });
    expect(await api.client.refused(DELETE, { id })).toMatchObject({ code: "NOT_FOUND", field: "id" });
  });

  it.each(["http", "ws"])("are all told below each of several mutations of one operation, over %s", async (way) => {
    const name = await createFunction(api.client);
    const create = (alias: string): string =>
      `${alias}: createHttpTrigger(input: {function: "${name}", path: "/${name}/${alias}"}) {
        function { triggers { ... on HttpTrigger { path } } }
      }`;
    const operation = `mutation { ${create("a")} ${create("b")} }`;
    const [data] = way === "http" ? [await api.client.ok(operation)] : await api.client.subscribe(operation).take(1);
    expect(data).toMatchObject({
      a: { function: { triggers: [{ path: `/${name}/a` }] } },
      b: { function: { triggers: [{ path: `/${name}/a` }, { path: `/${name}/b` }] } },
    });
  });

  it("say how they do", async () => {
    const fn = await createFunction(api.client);
    const route = await createRoute(api.client, { function: fn });
    expect(await api.client.ok(STATUS, { id: route })).toMatchObject({
      trigger: { status: { condition: "READY", reason: null } },
    });
    const id = await createTrigger(api.client, "TimeTrigger", { function: fn });
    expect(await api.client.ok(STATUS, { id })).toMatchObject({ trigger: { status: { condition: "UNKNOWN" } } });
    const records = new TriggerRecordsRepository(api.dataSource);
    const since = new Date("2030-01-01T00:00:00Z");
    await records.report([{ triggerId: id, condition: "FAILING", reason: "It is too late.", since }]);
    await records.report([{ triggerId: id, condition: "FAILING", reason: "It is too late.", since: new Date() }]);
    expect(await api.client.ok(STATUS, { id })).toMatchObject({
      trigger: { status: { condition: "FAILING", reason: "It is too late.", since: since.toISOString() } },
    });
    await records.report([{ triggerId: id, condition: "READY", reason: null, since: new Date() }]);
    expect(await api.client.ok(STATUS, { id })).toMatchObject({
      trigger: { status: { condition: "READY", reason: null } },
    });
  });

  it("are FAILING yet for who finds all well, where that was said by another a short while ago only", async () => {
    const fn = await createFunction(api.client);
    const id = await createTrigger(api.client, "QueueTrigger", { function: fn });
    const records = new TriggerRecordsRepository(api.dataSource);
    const since = new Date("2030-01-01T00:00:00Z");
    const ready = { triggerId: id, condition: "READY", reason: null, since: new Date("2030-01-01T01:00:00Z") } as const;
    await records.report([{ triggerId: id, condition: "FAILING", reason: "It boomed.", since }]);
    await records.report([{ ...ready, unlessAfter: new Date(since.getTime() - 1) }]);
    expect(await api.client.ok(STATUS, { id })).toMatchObject({ trigger: { status: { condition: "FAILING" } } });
    await records.report([{ ...ready, unlessAfter: since }]);
    expect(await api.client.ok(STATUS, { id })).toMatchObject({ trigger: { status: { condition: "READY" } } });
  });

  it("say nothing of what was before they were switched off", async () => {
    const fn = await createFunction(api.client);
    const id = await createTrigger(api.client, "QueueTrigger", { function: fn });
    const records = new TriggerRecordsRepository(api.dataSource);
    const ready = { triggerId: id, condition: "READY", reason: null } as const;
    await records.report([{ ...ready, since: new Date("2030-01-01T00:00:00Z") }]);
    await api.client.ok(SET, { id, on: false });
    await api.client.ok(SET, { id, on: true });
    expect(await api.client.ok(STATUS, { id })).toMatchObject({ trigger: { status: { condition: "UNKNOWN" } } });
    const since = "2030-01-01T00:00:12.000Z";
    await records.report([{ ...ready, since: new Date(since) }]);
    expect(await api.client.ok(STATUS, { id })).toMatchObject({ trigger: { status: { condition: "READY", since } } });
  });

  it("go with their function, where that is asked for", async () => {
    const fn = await createFunction(api.client);
    const ids = [];
    for (const kind of kinds) ids.push(await createTrigger(api.client, kind, { function: fn }));
    const remove = `mutation ($name: String!, $too: Boolean!) { deleteFunction(name: $name, deleteTriggers: $too) { id } }`;
    expect(await api.client.refused(remove, { name: fn, too: false })).toMatchObject({
      code: "IN_USE",
      message: expect.stringContaining("3 triggers"),
    });
    await api.client.ok(remove, { name: fn, too: true });
    for (const id of ids) expect(await api.client.ok(STATUS, { id })).toEqual({ trigger: null });
  });

  it("are told of as they change", async () => {
    const namespace = someName();
    const query = `subscription ($namespace: String) { resourceChanges(namespace: $namespace) { type resource { __typename ... on HttpTrigger { id }
      ... on TimeTrigger { schedule nextRuns(count: 1) createdAt } ... on KubernetesWatchTrigger { kind } ... on QueueTrigger { topic } } } }`;
    const changes = api.client.subscribe(query, { namespace });
    const fn = await createFunction(api.client, { namespace });
    // It begins some moment after it was asked for.
    const route = await createRoute(api.client, { namespace, function: fn });
    for (let on = false; changes.results.length === 0; on = !on) await api.client.ok(SET, { id: route, on });
    const settled = await createRoute(api.client, { namespace, function: fn, name: "settled" });
    await changes.until(() => changes.results.some(({ data }) => JSON.stringify(data).includes(settled)));
    changes.results.length = 0;
    const ids = [];
    for (const kind of kinds) ids.push(await createTrigger(api.client, kind, { namespace, function: fn }));
    await api.client.ok(DELETE, { id: ids[2] });
    expect((await changes.take(4)).map((data) => valueAt<Data>(data, "resourceChanges"))).toMatchObject([
      {
        type: "CREATED",
        resource: { __typename: "TimeTrigger", schedule: "0 4 * * *", nextRuns: [expect.any(String)] },
      },
      { type: "CREATED", resource: { __typename: "KubernetesWatchTrigger", kind: "Pod" } },
      { type: "CREATED", resource: { __typename: "QueueTrigger", topic: "orders" } },
      { type: "DELETED", resource: { __typename: "QueueTrigger", topic: "orders" } },
    ]);
    changes.end();
  });

  it("are what an invocation was caused by, also when they are gone", async () => {
    const fn = await createFunction(api.client);
    const id = await createTrigger(api.client, "TimeTrigger", { function: fn, name: "nightly-report" });
    const invocation = anInvocation({ functionId: await functionId(api.client, fn), source: "TIME", triggerId: id });
    await api.insertInvocations([invocation]);
    await api.client.ok(DELETE, { id });
    const query = `query ($id: ID!) { invocation(id: $id) { source trigger { __typename name } } }`;
    expect(await api.client.ok(query, { id: invocation.id })).toEqual({
      invocation: { source: "TIME", trigger: { __typename: "TimeTrigger", name: "nightly-report" } },
    });
  });

  it("are refused to whoever is not signed in", async () => {
    const closed = await ApiHarness.start({ adminToken: "correct-horse-battery-staple" });
    const anonymous = { authorization: "" };
    for (const kind of kinds) {
      const mutation = `mutation ($input: Create${kind}Input!) { create${kind}(input: $input) { id } }`;
      const input = { name: "a", function: "b", schedule: "@daily" };
      const answer = await closed.client.gql(mutation, { input }, anonymous);
      expect(answer).toMatchObject({ status: 401, errors: [{ extensions: { code: "UNAUTHENTICATED" } }] });
    }
    await closed.stop();
  });

  it("cost as many statements for a page of many as for one of two", async () => {
    const namespace = someName();
    const environment = await createEnvironment(api.client, { namespace });
    for (let index = 0; index < 6; index++) {
      const fn = await createFunction(api.client, { namespace, environment });
      for (const kind of kinds) await createTrigger(api.client, kind, { namespace, function: fn });
      await createRoute(api.client, { namespace, function: fn });
    }
    await createTrigger(api.client, "TimeTrigger", {
      namespace,
      name: "0-is-on-the-first-page",
      function: await createFunction(api.client, { namespace, environment }),
    });
    const sent: string[] = [];
    const logQuery = (sql: string): void => void sent.push(sql);
    const silent = (): void => {};
    const logger = {
      logQuery,
      logQueryError: silent,
      logQuerySlow: silent,
      logSchemaBuild: silent,
      logMigration: silent,
      log: silent,
    };
    const { logger: before } = api.dataSource;
    Object.assign(api.dataSource, { logger });
    Object.assign(api.dataSource.options, { logging: true });
    const count = async (query: string, first: number): Promise<number> => {
      sent.length = 0;
      await api.client.ok(query, { namespace, first });
      return sent.length;
    };
    const list = `query ($namespace: String, $first: Int!) { triggers(namespace: $namespace, first: $first) { nodes {
      name status { condition } function { name } ... on TimeTrigger { lastRunAt } } } }`;
    const nested = `query ($namespace: String, $first: Int!) { functions(namespace: $namespace, first: $first) { nodes {
      triggers { name status { condition } ... on TimeTrigger { lastRunAt } } } } }`;
    expect([await count(list, 2), await count(list, 25)]).toEqual([4, 4]);
    expect([await count(nested, 2), await count(nested, 6)]).toEqual([4, 4]);
    Object.assign(api.dataSource, { logger: before });
    Object.assign(api.dataSource.options, { logging: false });
  });
});
