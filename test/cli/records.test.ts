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
    const line =
      "invocation list --function hi --status failed,dead --source graphql --since 10m --until 2030-01-01T00:00:00Z";
    const { stdout, api } = await fermi(line, { invocations: (args: never) => page([invocationNode()], args) });
    expect(stdout).toMatch(/i1 +hi +1 +GRAPHQL +- +SUCCEEDED +200 +yes +3\.2ms +12ms +GET \/ +0s +-$/m);
    expect(api.requests[0]?.variables["filter"]).toMatchObject({
      namespace: "default",
      function: "hi",
      status: ["FAILED", "DEAD"],
      source: "GRAPHQL",
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

  it("lists why they failed", async () => {
    const dead = invocationNode({ status: "DEAD", httpStatus: null, error: `The function\nended: ${"x".repeat(200)}` });
    const { stdout } = await fermi("invocation list --status dead", {
      invocations: (args: never) => page([dead], args),
    });
    expect(stdout).toMatch(/ AGE +ERROR\n/);
    expect(stdout).toMatch(/ {3}The function ended: x{79}…\n$/);
  });

  it("shows what happened to one", async () => {
    const dead = invocationNode({
      ...{ status: "DEAD", attempts: 3, error: "The function answered 500.", httpStatus: 500, source: "TIME" },
      ...{ trigger: triggerNode("TimeTrigger", { name: "nightly" }), coldStart: false, instance: null },
      result: { httpStatus: 500, headers: {}, body: "no \u001b[31mdatabase\nat all", base64: false },
    });
    const { stdout } = await fermi("invocation get i1", { invocation: () => dead });
    expect(stdout.split("\n")).toEqual([
      "Id:           i1",
      "Function:     default/hi",
      "Version:      1",
      "Source:       TIME",
      "Trigger:      nightly",
      "Status:       DEAD",
      "Error:        The function answered 500.",
      "Attempts:     3",
      "Request:      GET / (0 bytes)",
      "Answer:       500 (14 bytes)",
      "Cold start:   no",
      "Waited:       3.2ms",
      "Lasted:       12ms",
      expect.stringMatching(/^Accepted: {5}2030-01-01T00:00:00.000Z \(\d+\w ago\)$/),
      "Finished:     2030-01-01T00:00:00.000Z",
      "",
      "no  [31mdatabase",
      "at all",
      "",
    ]);
  });

  it("shows the beginning of a long answer, and none that is no text", async () => {
    const answering = (body: string, base64: boolean): { invocation: () => object } => ({
      invocation: () => invocationNode({ result: { httpStatus: 200, headers: {}, body, base64 } }),
    });
    const long = await fermi("invocation get i1", answering("y".repeat(5_000), false));
    expect(long.stdout).toMatch(/\n\ny{1999}…\nThe rest is left out; `-o json` shows it\.\n$/);
    const binary = await fermi("invocation get i1", answering("AAAA", true));
    expect(binary.stdout).toMatch(/\n\nThe answer is no text; `-o json` shows it\.\n$/);
    const none = await fermi("invocation get i1", { invocation: () => invocationNode({ result: null }) });
    expect(none.stdout).toMatch(/\nFinished: .*\n$/);
  });

  it("shows one invocation, or says that it is not there", async () => {
    expect((await fermi("invocation get i1 -o json", { invocation: () => invocationNode() })).stdout).toContain('"i1"');
    expect(await fermi("invocation get i2", { invocation: () => null })).toMatchObject({ exitCode: 1 });
  });
});
