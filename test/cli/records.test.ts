import { describe, expect, it } from "@jest/globals";
import { environmentNode, invocationNode, page, triggerNode } from "./fake-api.js";
import { fermi } from "./run-fermi.js";

describe("fermi pool and invocation", () => {
  it("shows pools", async () => {
    const counts = { warm: 3, starting: 0, specialized: 1, instances: [] };
    const pool = { environment: environmentNode(), ...counts, problem: "no room" };
    const { stdout } = await fermi("pool list", { pools: () => [pool] });
    expect(stdout.split("\n")[1]).toMatch(/^default +node +3 +3 +0 +1 +no room$/);
  });

  it("lists invocations with filters", async () => {
    const line = "invocation list --function hi --status failed,dead --since 10m --until 2030-01-01T00:00:00Z";
    const { stdout, api } = await fermi(line, { invocations: (args: never) => page([invocationNode()], args) });
    expect(stdout).toMatch(/i1 +hi +1 +GRAPHQL +- +SUCCEEDED +200 +yes +3\.2ms +12ms +GET \/ /);
    expect(api.requests[0]?.variables["filter"]).toMatchObject({
      namespace: "default",
      function: "hi",
      status: ["FAILED", "DEAD"],
      until: "2030-01-01T00:00:00.000Z",
    });
    expect(api.requests[0]?.variables["first"]).toBe(50);
  });

  it("lists those of a trigger, named or by its id", async () => {
    const [timer, queue] = [triggerNode("TimeTrigger", { name: "nightly" }), triggerNode("QueueTrigger", { id: "q1" })];
    const all = [timer, queue, triggerNode("KubernetesWatchTrigger", { id: "w1" })];
    const fields = {
      triggers: (args: never) => page(all, args),
      invocations: (args: never) => page([invocationNode({ source: "TIME", trigger: timer })], args),
    };
    const named = await fermi("invocation list --trigger nightly", fields);
    expect(named.stdout).toMatch(/ SOURCE +TRIGGER .*\ni1 .* TIME +nightly /);
    expect(named.api.requests.at(-1)?.variables["filter"]).toEqual({ trigger: "t1" });
    const id = "019a0000-0000-7000-8000-000000000000";
    const { api } = await fermi(`invocation list --trigger ${id}`, fields);
    expect(api.requests.map(({ variables }) => variables["filter"])).toEqual([{ trigger: id }]);
    expect((await fermi("invocation list --trigger gone", fields)).stderr).toBe(
      "fermi: no trigger gone in namespace default; pass its id if it has been deleted",
    );
    expect((await fermi("invocation list --trigger hi", fields)).stderr).toBe(
      "fermi: several triggers are called hi in namespace default; pass the id of one: queue q1, watch w1",
    );
  });

  it("refuses a time that is none", async () => {
    expect(await fermi("invocation list --since yesterday", {})).toMatchObject({ exitCode: 2 });
  });

  it("shows one invocation, or says that it is not there", async () => {
    expect((await fermi("invocation get i1 -o json", { invocation: () => invocationNode() })).stdout).toContain('"i1"');
    expect(await fermi("invocation get i2", { invocation: () => null })).toMatchObject({ exitCode: 1 });
  });
});
