import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createExamples } from "../../src/app/examples.js";
import type { RequestContext } from "../../src/model/request-context.js";
import { ApiHarness } from "../support/api-harness.js";
import { createEnvironment, createFunction } from "../support/api-resources.js";

const ctx: RequestContext = {
  principal: { subject: "test", roles: ["admin"], namespaces: ["*"] },
  requestId: "test",
  signal: new AbortController().signal,
};
const SHOW = `{ environments { nodes { name image } } function(name: "hello") { environment { name } triggers { name } } }`;
const whole = {
  environments: {
    nodes: [
      { name: "nodejs", image: "fermi/nodejs" },
      { name: "python", image: "fermi/python" },
    ],
  },
  function: { environment: { name: "nodejs" }, triggers: [{ name: "hello" }] },
};

describe("the examples of an empty store", () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await ApiHarness.start();
  });
  afterAll(() => api.stop());

  it("are made whole by the next start where one was cut short, and never again once they were", async () => {
    await createEnvironment(api.client, { name: "python", image: "fermi/python" });
    await createExamples(api.control, ctx, true);
    expect(await api.client.ok(SHOW)).toEqual(whole);
    await api.client.ok(`mutation { deleteFunction(name: "hello", deleteTriggers: true) { id } }`);
    await createExamples(api.control, ctx, true);
    expect(await api.client.ok(SHOW)).toEqual({ ...whole, function: null });
  });

  it("are left out where somebody has a function of their own, though nobody remembers the deleted one", async () => {
    await createFunction(api.client, { name: "mine", environment: "nodejs" });
    await api.dataSource.query("UPDATE function SET name = 'purged' WHERE name = 'hello'");
    await createExamples(api.control, ctx, true);
    expect(await api.client.ok(SHOW)).toEqual({ ...whole, function: null });
    await api.client.ok(`mutation { deleteFunction(name: "mine") { id } }`);
  });

  it("are left out where somebody has an environment of their own", async () => {
    await createEnvironment(api.client, { name: "mine" });
    await api.client.ok(`mutation { deleteEnvironment(name: "nodejs") { id } }`);
    await createExamples(api.control, ctx, true);
    expect(await api.client.ok(SHOW)).toMatchObject({
      environments: { nodes: [{ name: "mine" }, { name: "python" }] },
    });
  });
});
