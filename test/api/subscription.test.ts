import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { newId } from "../../src/lib/new-id.js";
import { RawClient } from "../router/support/http-client.js";
import { handshake } from "../router/support/websockets.js";
import { type Data, type Subscribed, valueAt } from "../support/api-client.js";
import { aLine, anInvocation, ApiHarness, aPool } from "../support/api-harness.js";
import { createEnvironment, createFunction, createRoute, functionId, someName } from "../support/api-resources.js";

const LOGS = `subscription ($filter: LogFilter!, $tail: Int! = 0) { logs(filter: $filter, tail: $tail) { id message stream invocationId function { name } } }`;

describe("subscriptions", () => {
  let api: ApiHarness;
  let fn: string;
  let id: string;
  beforeAll(async () => {
    api = await ApiHarness.start();
    fn = await createFunction(api.client);
    id = await functionId(api.client, fn);
  });
  afterAll(() => api.stop());

  const messages = (data: unknown[]): string[] => data.map((line) => valueAt(line, "logs.message"));

  it("give the tail of the log, then every later line, without gap or repeat", async () => {
    const name = await createFunction(api.client);
    const functionId_ = await functionId(api.client, name);
    const line = (index: number): ReturnType<typeof aLine> => aLine({ functionId: functionId_, message: `${index}` });
    const insert = async (from: number, to: number): Promise<void> => {
      for (let index = from; index < to; index += 5) {
        await api.insertLines([0, 1, 2, 3, 4].map((more) => line(index + more)));
      }
    };
    await insert(0, 20);
    const writing = insert(20, 200);
    const subscriptions = Array.from({ length: 5 }, () =>
      api.client.subscribe(LOGS, { filter: { function: name }, tail: 10 }),
    );
    await writing;
    const last = await insertAndWait(() => api.insertLines([line(200)]), subscriptions);
    expect(last).toEqual(Array.from({ length: 5 }, () => "200"));
    for (const subscription of subscriptions) {
      const seen = messages(subscription.results.map(({ data }) => data)).map(Number);
      const [first = 0] = seen;
      expect(first).toBeGreaterThanOrEqual(10);
      expect(seen).toEqual(Array.from({ length: 201 - first }, (_, index) => first + index));
      subscription.end();
    }
  });

  const insertAndWait = async (
    insert: () => Promise<void>,
    subscriptions: ReturnType<typeof api.client.subscribe>[],
  ): Promise<string[]> => {
    await insert();
    const lastOf = (index: number): string => messages([subscriptions[index]?.results.at(-1)?.data])[0] ?? "";
    for (const [index, subscription] of subscriptions.entries())
      await subscription.until(() => lastOf(index) === "200");
    return subscriptions.map((_, index) => lastOf(index));
  };

  it("give the log lines that the filter means", async () => {
    const invocationId = newId();
    const filter = { function: fn, invocationId, stream: "STDERR", contains: "match" };
    const subscription = api.client.subscribe(LOGS, { filter, tail: 200 });
    const wanted = aLine({ functionId: id, invocationId, stream: "STDERR", message: "a match" });
    await api.insertLines([wanted]);
    await subscription.take(1);
    await api.insertLines([
      { ...wanted, stream: "STDOUT" },
      { ...wanted, invocationId: newId() },
      { ...wanted, message: "else" },
      { ...wanted, message: "match 2" },
    ]);
    expect(await subscription.take(2)).toMatchObject([
      { logs: { message: "a match", invocationId, stream: "STDERR", function: { name: fn } } },
      { logs: { message: "match 2" } },
    ]);
    subscription.end();
  });

  it("give an invocation when it is recorded", async () => {
    const query = `subscription ($f: InvocationFilter) { invocations(filter: $f) { id status function { name } } }`;
    const subscription = api.client.subscribe(query, { f: { function: fn, status: ["FAILED"] } });
    const failed = anInvocation({ functionId: id, status: "FAILED" });
    // The subscription begins at some moment after it was asked for: go on until it has.
    while (subscription.results.length === 0) {
      await api.insertInvocations([anInvocation({ functionId: id }), { ...failed, id: newId() }]);
    }
    await api.insertInvocations([failed]);
    await subscription.until(() =>
      subscription.results.some(({ data }) => valueAt(data, "invocations.id") === failed.id),
    );
    for (const { data } of subscription.results) {
      expect(data).toMatchObject({ invocations: { status: "FAILED", function: { name: fn } } });
    }
    subscription.end();
  });

  it("give those alone that the trigger asked for has called", async () => {
    const [triggerId, last] = [newId(), newId()];
    const query = `subscription ($f: InvocationFilter) { invocations(filter: $f) { id } }`;
    const subscription = api.client.subscribe(query, { f: { trigger: triggerId } });
    const others = new Set<unknown>();
    while (subscription.results.length === 0) {
      const other = anInvocation({ functionId: id, triggerId: newId() });
      others.add(other.id);
      await api.insertInvocations([other, anInvocation({ functionId: id, triggerId })]);
    }
    await api.insertInvocations([{ ...anInvocation({ functionId: id, triggerId }), id: last }]);
    await subscription.until(() => subscription.results.some(({ data }) => valueAt(data, "invocations.id") === last));
    expect(subscription.results.filter(({ data }) => others.has(valueAt(data, "invocations.id")))).toEqual([]);
    subscription.end();
  });

  it("give what was created, updated and deleted, in order", async () => {
    const namespace = someName();
    const query = `subscription ($ns: String) { resourceChanges(namespace: $ns) { type resource { __typename
      ... on Environment { name poolSize } ... on Function { name environment { name } } ... on HttpTrigger { path function { name } } } } }`;
    const subscription = api.client.subscribe(query, { ns: namespace });
    await begun(subscription, namespace);
    const environment = await createEnvironment(api.client, { namespace });
    await createEnvironment(api.client);
    const name = await createFunction(api.client, { namespace, environment });
    const route = await createRoute(api.client, { namespace, function: name, path: `/${namespace}` });
    await api.client.ok(`mutation ($i: UpdateEnvironmentInput!) { updateEnvironment(input: $i) { id } }`, {
      i: { namespace, name: environment, poolSize: 9 },
    });
    await api.client.ok(`mutation ($id: ID!) { deleteTrigger(id: $id) { id } }`, { id: route });
    const changes = (await subscription.take(5)).map((data) => data.resourceChanges);
    expect(changes).toEqual([
      { type: "CREATED", resource: { __typename: "Environment", name: environment, poolSize: 3 } },
      { type: "CREATED", resource: { __typename: "Function", name, environment: { name: environment } } },
      { type: "CREATED", resource: { __typename: "HttpTrigger", path: `/${namespace}`, function: { name } } },
      { type: "UPDATED", resource: { __typename: "Environment", name: environment, poolSize: 9 } },
      { type: "DELETED", resource: { __typename: "HttpTrigger", path: `/${namespace}`, function: { name } } },
    ]);
    subscription.end();
  });

  /** A subscription begins some moment after it was asked for: changes things until it says so. */
  const begun = async (subscription: Subscribed<Data>, namespace: string): Promise<void> => {
    while (subscription.results.length === 0) await createEnvironment(api.client, { namespace });
    const marker = await createEnvironment(api.client, { namespace });
    const nameOf = (data: unknown): string => valueAt(data, "resourceChanges.resource.name");
    await subscription.until(() => subscription.results.some(({ data }) => nameOf(data) === marker));
    subscription.results.length = 0;
  };

  it("give a pool when its counts change, and stop listening when they end", async () => {
    const environment = await createEnvironment(api.client);
    const other = await createEnvironment(api.client);
    const idOf = async (name: string): Promise<string> =>
      valueAt(
        await api.client.ok(`query ($n: String!) { environment(name: $n) { id } }`, { n: name }),
        "environment.id",
      );
    const [environmentId, otherId] = [await idOf(environment), await idOf(other)];
    const query = `subscription ($e: String, $n: String) { poolChanges(environment: $e, namespace: $n) { warm problem environment { name } } }`;
    const named = api.client.subscribe(query, { e: environment });
    const inNamespace = api.client.subscribe(query, { n: "default" });
    const elsewhere = api.client.subscribe(query, { n: "elsewhere" });
    await listening(3);
    api.pools.set(aPool(otherId, { warm: 7 }));
    api.pools.set(aPool(environmentId, { warm: 1, problem: "The image can't be pulled." }));
    expect(await named.take(1)).toEqual([
      { poolChanges: { warm: 1, problem: "The image can't be pulled.", environment: { name: environment } } },
    ]);
    expect(await inNamespace.take(2)).toMatchObject([{ poolChanges: { warm: 7 } }, { poolChanges: { warm: 1 } }]);
    expect(elsewhere.results).toEqual([]);
    for (const subscription of [named, inNamespace, elsewhere]) await subscription.client.dispose();
    await listening(0);
  });

  const listening = async (count: number): Promise<void> => {
    const deadline = AbortSignal.timeout(5_000);
    while (api.pools.listenerCount !== count && !deadline.aborted) await new Promise(setImmediate);
    expect(api.pools.listenerCount).toBe(count);
  };

  it.each([
    [LOGS, { filter: { function: "nobody" } }, "NOT_FOUND", "filter.function"],
    [LOGS, { filter: { invocationId: "7" } }, "BAD_USER_INPUT", "filter.invocationId"],
    [LOGS, { filter: { contains: "" } }, "BAD_USER_INPUT", "filter.contains"],
    [LOGS, { filter: {}, tail: 201 }, "BAD_USER_INPUT", "tail"],
    [LOGS, { filter: {}, tail: -1 }, "BAD_USER_INPUT", "tail"],
    [LOGS, { filter: { namespace: "Bad" } }, "BAD_USER_INPUT", "filter.namespace"],
    [
      `subscription ($f: InvocationFilter) { invocations(filter: $f) { id } }`,
      { f: { function: "nobody" } },
      "NOT_FOUND",
      "filter.function",
    ],
    [`subscription { poolChanges(environment: "nobody") { warm } }`, {}, "NOT_FOUND", "environment"],
    [`subscription { resourceChanges(namespace: "Bad") { type } }`, {}, "BAD_USER_INPUT", "namespace"],
  ])("refuse wrong arguments: %s %j", async (query, variables, code, field) => {
    const errors = await api.client.subscribe(query, variables).refusal();
    expect(errors).toMatchObject([{ extensions: { code, field } }]);
  });

  it("are bounded per socket, and leave room for the next when one ends", async () => {
    const small = await ApiHarness.start({ socketLimits: { operationsMax: 2 } });
    const client = small.client.socket();
    const run = (query: string): Promise<unknown> =>
      new Promise((resolve) => {
        client.subscribe({ query }, { next: resolve, error: resolve, complete: () => {} });
      });
    const follow = (): (() => void) =>
      client.subscribe(
        { query: "subscription { poolChanges { warm } }" },
        { next: () => {}, error: () => {}, complete: () => {} },
      );
    const end = follow();
    follow();
    expect(await run("{ viewer { subject } }")).toMatchObject([{ extensions: { code: "RATE_LIMITED" } }]);
    end();
    expect(await run("{ viewer { subject } }")).toEqual({ data: { viewer: { subject: "local" } } });
    await small.stop();
  });

  it("are refused with a reason where too many sockets are open", async () => {
    const small = await ApiHarness.start({ socketLimits: { socketsMax: 1 } });
    const first = small.client.socket();
    const connected = new Promise((resolve) => first.on("connected", resolve));
    first.subscribe(
      { query: "subscription { poolChanges { warm } }" },
      { next: () => {}, error: () => {}, complete: () => {} },
    );
    await connected;
    const headers = {
      ...{ connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" },
      ...{ "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-protocol": "graphql-transport-ws" },
    };
    const refused = await small.client.raw({ path: "/graphql", headers });
    expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "10"]);
    expect(JSON.parse(refused.text)).toMatchObject({
      errors: [{ extensions: { code: "RATE_LIMITED", retryAfterSeconds: 10 } }],
    });
    await small.stop();
  });

  it("keep no connection of who was refused and does not leave", async () => {
    const client = await RawClient.connect(api.port, { allowHalfOpen: true });
    client.write(handshake("/none"));
    await client.sees("NOT_FOUND");
    await client.isLetGo();
  });

  it("end with the server, and are told why", async () => {
    const other = await ApiHarness.start();
    const client = other.client.socket();
    const closed = new Promise((resolve) => client.on("closed", resolve));
    const connected = new Promise((resolve) => client.on("connected", resolve));
    client.subscribe(
      { query: "subscription { poolChanges { warm } }" },
      { next: () => {}, error: () => {}, complete: () => {} },
    );
    await connected;
    await other.server.stop();
    expect(await closed).toMatchObject({ code: 1001, reason: "The server is stopping." });
    expect(other.pools.listenerCount).toBe(0);
    await other.stop();
  });
});
