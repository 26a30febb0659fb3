import { describe, expect, it } from "@jest/globals";
import { environmentNode, functionNode, page } from "./fake-api.js";
import { fermi } from "./run-fermi.js";

describe("Lists", () => {
  const many = Array.from({ length: 450 }, (_, at) => functionNode({ id: `f${at}`, name: `fn-${at}` }));

  it("are read to their end, page after page", async () => {
    const { stdout, api } = await fermi("function list -o json", { functions: (args: never) => page(many, args) });
    expect(JSON.parse(stdout)).toHaveLength(450);
    expect(api.requests.map(({ variables }) => variables["first"])).toEqual([200, 200, 200]);
  });

  it("end at --limit", async () => {
    const { stdout, api } = await fermi("fn list --limit 3", { functions: (args: never) => page(many, args) });
    expect(stdout.trim().split("\n")).toHaveLength(4);
    expect(api.requests.map(({ variables }) => variables["first"])).toEqual([3]);
  });

  it.each(["env list", "fn list", "route list", "watch list", "fn versions hi", "invocation list"])(
    "of none are a mistake: %s --limit 0",
    async (command) => {
      const { exitCode, stdout, stderr, api } = await fermi(`${command} --limit 0`, {});
      expect({ exitCode, stdout, asked: api.requests.length }).toEqual({ exitCode: 2, stdout: "", asked: 0 });
      expect(stderr).toContain("A whole number from 1 is needed");
    },
  );

  it("are aligned, whatever is in them", async () => {
    const rows = [environmentNode({ name: "a\nb" }), environmentNode({ name: "a-much-longer-name", image: "i" })];
    const { stdout } = await fermi("env list", { environments: (args: never) => page(rows, args) });
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    const columnStarts = lines.map((line) => [line.indexOf("FERMI"), line.indexOf("CONTRACT")].find((at) => at > 0));
    expect(new Set(columnStarts).size).toBe(1);
  });

  it("say on stderr that they are empty, and are an empty array for programs", async () => {
    const fields = { triggers: (args: never) => page([], args) };
    const table = await fermi("route list", fields);
    expect(table).toMatchObject({ exitCode: 0, stdout: "", stderr: "no routes in namespace default" });
    expect(await fermi("route list -o json", fields)).toMatchObject({ stdout: "[]\n", stderr: "" });
  });

  it("cover one namespace, or all with -A", async () => {
    const fields = { environments: (args: never) => page([], args) };
    const one = await fermi("env list -n team", fields);
    expect(one.api.requests[0]?.variables["namespace"]).toBe("team");
    const all = await fermi("env list -A", fields, { namespace: "team" });
    expect(all.api.requests[0]?.variables["namespace"]).toBeNull();
  });
});
