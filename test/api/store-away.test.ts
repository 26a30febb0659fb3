import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { CuttingProxy } from "../records/support/cutting-proxy.js";
import { valueAt } from "../support/api-client.js";
import { ApiHarness, aPool } from "../support/api-harness.js";
import { createEnvironment, createFunction, someName } from "../support/api-resources.js";

describe("with the store away", () => {
  let api: ApiHarness;
  let proxy: CuttingProxy;
  beforeAll(async () => {
    api = await ApiHarness.start({
      throughProxy: (url) => {
        proxy = new CuttingProxy(new URL(url));
        return proxy.start();
      },
    });
  });
  afterAll(async () => {
    proxy.open();
    await api.stop();
    await proxy.stop();
  });

  it("changes and reads are refused within 5 s, and all works again when it is back", async () => {
    const environment = await createEnvironment(api.client);
    const name = await createFunction(api.client, { environment });
    const subscription = api.client.subscribe(`subscription { resourceChanges { type } }`);
    const update = `mutation ($input: UpdateFunctionInput!) { updateFunction(input: $input) { revision } }`;
    const operations: [string, object][] = [
      [update, { input: { name, source: "2" } }],
      [`query ($n: String!) { function(name: $n) { id } }`, { n: name }],
      [`query ($n: String!) { logs(filter: { function: $n }) { nodes { id } } }`, { n: name }],
      ["{ invocations { nodes { id } } }", {}],
      [`mutation { publishMessage(topic: "orders", body: "1") }`, {}],
    ];
    proxy.close();
    const began = performance.now();
    const answers = await Promise.all(operations.map(([query, variables]) => api.client.refused(query, variables)));
    expect(performance.now() - began).toBeLessThan(5_500);
    for (const { code, text } of answers) {
      expect(code).toBe("STORE_UNAVAILABLE");
      expect(text).toContain("The store can't be reached at the moment. Try again.");
      expect(text).not.toMatch(/ECONN|127\.0\.0\.1|SELECT|postgres:/);
    }
    proxy.open();
    expect(await api.client.ok(update, { input: { name, source: "2" } })).toEqual({ updateFunction: { revision: 2 } });
    await createEnvironment(api.client, { name: someName() });
    subscription.end();
  });

  it("a subscription that was open is only late", async () => {
    const subscription = api.client.subscribe<{ resourceChanges: { resource: { name: string } } }>(
      `subscription { resourceChanges { resource { ... on Environment { name } } } }`,
    );
    while (subscription.results.length === 0) await createEnvironment(api.client);
    proxy.close();
    await api.client.refused("{ invocations { nodes { id } } }");
    proxy.open();
    const name = someName();
    await createEnvironment(api.client, { name });
    await subscription.until(() => subscription.results.at(-1)?.data?.resourceChanges.resource.name === name);
    expect(subscription.failure).toBeUndefined();
    expect(subscription.results.filter(({ errors }) => errors !== undefined)).toEqual([]);
    subscription.end();
  });

  it("so is one to the pools of a namespace", async () => {
    const id = async (): Promise<string> => {
      const query = "query ($name: String!) { environment(name: $name) { id } }";
      return valueAt(await api.client.ok(query, { name: await createEnvironment(api.client) }), "environment.id");
    };
    const [seen, unseen] = [await id(), await id()];
    const subscription = api.client.subscribe<{ poolChanges: { warm: number } }>(
      `subscription { poolChanges(namespace: "default") { warm } }`,
    );
    while (subscription.results.length === 0) {
      api.pools.set(aPool(seen));
      await api.client.ok("{ pools { warm } }");
    }
    proxy.close();
    api.pools.set(aPool(unseen, { warm: 7 }));
    await api.client.refused("{ invocations { nodes { id } } }");
    proxy.open();
    await subscription.until(() => subscription.results.at(-1)?.data?.poolChanges.warm === 7);
    expect(subscription.results.filter(({ errors }) => errors !== undefined)).toEqual([]);
    subscription.end();
  });
});
