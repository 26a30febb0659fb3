import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { newId } from "../../src/lib/new-id.js";
import { valueAt } from "../support/api-client.js";
import { ApiHarness, aPool, aProcess } from "../support/api-harness.js";
import { createEnvironment, someName } from "../support/api-resources.js";

describe("server and pools", () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await ApiHarness.start();
  });
  afterAll(() => api.stop());

  it("tell the operator how the server is", async () => {
    api.checks = [{ name: "store", ok: false, message: "PostgreSQL does not answer." }];
    expect(
      await api.client.ok("{ server { version cluster store routerUrl startedAt checks { name ok message } } }"),
    ).toEqual({
      server: {
        ...{ version: "0.1.0", cluster: "fake", store: "postgres", routerUrl: "http://localhost:31314" },
        ...{ startedAt: expect.stringMatching(/Z$/), checks: api.checks },
      },
    });
  });

  it("tell which processes run, and how they are", async () => {
    const query = "{ server { processes { id roles host version startedAt unready leads } } }";
    const { cluster: _, checks: __, ...shown } = aProcess;
    expect(await api.client.ok(query)).toEqual({
      server: { processes: [{ ...shown, startedAt: "2030-01-01T00:00:00.000Z" }] },
    });
  });

  it("say of a path that can't be read that it is the path", async () => {
    const { status, text } = await api.client.raw({ path: "/assets/%ff" });
    expect([status, JSON.parse(text)]).toMatchObject([
      400,
      { errors: [{ message: expect.stringMatching(/^The request's path/), extensions: { code: "BAD_REQUEST" } }] },
    ]);
  });

  it("keep an idle connection for longer than the minute of most load balancers", async () => {
    const { headers } = await fetch(`http://127.0.0.1:${api.port}/healthz`);
    expect(headers.get("keep-alive")).toBe("timeout=65");
  });

  it("show the pools of environments that there are, in order, by namespace", async () => {
    const namespaces = [someName(), someName()].sort();
    for (const [namespace, name] of [
      [namespaces[1], "a"],
      [namespaces[0], "b"],
      [namespaces[0], "a"],
    ] as const) {
      await createEnvironment(api.client, { namespace, name });
      const query = `query ($n: String!, $ns: String!) { environment(name: $n, namespace: $ns) { id } }`;
      api.pools.set(aPool(valueAt(await api.client.ok(query, { n: name, ns: namespace }), "environment.id")));
    }
    api.pools.set(aPool(newId()));
    const query = `query ($ns: String) { pools(namespace: $ns) { warm environment { namespace name } } }`;
    const [first, second, third] = [
      [namespaces[0], "a"],
      [namespaces[0], "b"],
      [namespaces[1], "a"],
    ].map(([namespace, name]) => ({
      warm: 3,
      environment: { namespace, name },
    }));
    expect(await api.client.ok(query)).toEqual({ pools: [first, second, third] });
    expect(await api.client.ok(query, { ns: namespaces[1] })).toEqual({ pools: [third] });
    expect(await api.client.refused(query, { ns: "Bad" })).toMatchObject({
      code: "BAD_USER_INPUT",
      field: "namespace",
    });
  });

  it("stop when the requests in flight have their answers", async () => {
    const other = await ApiHarness.start();
    const asked = new Promise<void>((resolve) => (other.onChecks = resolve));
    let answer = (): void => {};
    other.untilChecked = new Promise((resolve) => (answer = resolve));
    const slow = other.client.ok("{ server { checks { name } } }");
    await asked;
    const stopped = other.server.stop();
    await expect(other.client.raw({ path: "/healthz" })).rejects.toThrow();
    answer();
    await expect(slow).resolves.toEqual({ server: { checks: [{ name: "store" }] } });
    await stopped;
    await other.server.stop();
    await other.stop();
  });

  it("stop after a while where a request in flight gets none", async () => {
    const other = await ApiHarness.start({ stopTimeoutMs: 200 });
    const asked = new Promise<void>((resolve) => (other.onChecks = resolve));
    other.untilChecked = new Promise(() => {});
    const cut = expect(other.client.ok("{ server { checks { name } } }")).rejects.toThrow();
    await asked;
    await other.server.stop();
    await cut;
    await other.stop();
  });
});
