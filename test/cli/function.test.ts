import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { functionNode, page, routeNode, triggerNode, versionNode } from "./fake-api.js";
import { fermi, throws } from "./run-fermi.js";

describe("fermi function", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "fermi-cli-"));
  const code = path.join(folder, "hello world.js");
  writeFileSync(code, "module.exports = 1;\n");
  writeFileSync(path.join(folder, "binary"), Buffer.from([0xff, 0xfe, 0x00]));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("creates a function from a file", async () => {
    const flags = [
      "--var",
      "A=1",
      "--var",
      "B=x=y",
      "--concurrency",
      "10",
      "--idletimeout",
      "9",
      "--entrypoint",
      "main",
    ];
    const { stdout, input } = await fermi(["fn", "create", "--name", "hi", "--env", "node", "--code", code, ...flags], {
      createFunction: () => functionNode(),
    });
    expect(stdout).toBe("function hi created, version 1\n");
    expect(input).toEqual({
      namespace: "default",
      name: "hi",
      environment: "node",
      source: "module.exports = 1;\n",
      entrypoint: "main",
      variables: [
        { name: "A", value: "1" },
        { name: "B", value: "x=y" },
      ],
      settings: { requestsPerInstance: 10, idleTimeoutSeconds: 9 },
    });
  });

  it("creates a function from stdin", async () => {
    const fields = { createFunction: () => functionNode() };
    const { input } = await fermi("function create hi --env node --code -", fields, { stdin: "export default 1;" });
    expect(input).toMatchObject({ source: "export default 1;" });
  });

  it("says how to create the environment that is missing", async () => {
    const line = ["function", "create", "hi", "--env", "node", "--code", code];
    const { exitCode, stderr } = await fermi(line, {
      createFunction: throws("NOT_FOUND", "there is no environment of that name", "environment"),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      "fermi: there is no environment of that name; create it with `fermi env create --name node --image fermi/nodejs`",
    );
  });

  it("names the field at fault where the message does not", async () => {
    const { stderr } = await fermi(["function", "update", "hi", "--timeout", "0"], {
      function: () => functionNode(),
      updateFunction: throws("BAD_USER_INPUT", "must be from 1 to 3600.", "settings.timeoutSeconds"),
    });
    expect(stderr).toBe("fermi: --timeout: must be from 1 to 3600");
  });

  it.each([
    ["variables.1.name", "variables.1.name must be letters.", "the name of --var no. 2 must be letters"],
    ["source", "source must not be empty.", "--code must not be empty"],
    ["name", "name must be 1 to 63 characters.", "name must be 1 to 63 characters"],
  ])("names the flag where the server names the field %s", async (field, message, told) => {
    const { stderr } = await fermi(["function", "create", "hi", "--env", "e", "--code", code], {
      createFunction: throws("BAD_USER_INPUT", message, field),
    });
    expect(stderr).toBe(`fermi: ${told}`);
  });

  it("says whether an update has changed anything", async () => {
    const fields = (revision: number, version: number) => ({
      function: () => functionNode(),
      updateFunction: () => functionNode({ revision, currentVersion: versionNode(version) }),
    });
    const changed = await fermi(["function", "update", "hi", "--code", code], fields(2, 2));
    expect(changed.stdout).toBe("function hi updated, version 2\n");
    const same = await fermi(["function", "update", "hi", "--code", code], fields(1, 1));
    expect(same).toMatchObject({
      exitCode: 0,
      stdout: "nothing to change: function hi is so already, version 1\n",
    });
    const none = await fermi(["function", "update", "gone", "--code", code], { function: () => null });
    expect(none).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("no function gone") });
  });

  it("takes entrypoint and variables away", async () => {
    const { input } = await fermi("function update hi --no-entrypoint --no-var", {
      function: () => functionNode(),
      updateFunction: () => functionNode(),
    });
    expect(input).toEqual({ namespace: "default", name: "hi", entrypoint: null, variables: [] });
  });

  it("prints the source of the current version", async () => {
    const { stdout } = await fermi("function get hi --code", { function: () => functionNode() });
    expect(stdout).toBe("module.exports = () => {}\n");
    const json = await fermi("function get hi --code -o json", { function: () => functionNode() });
    expect(JSON.parse(json.stdout)).toEqual({ source: stdout });
  });

  it("deletes a function with its triggers only when told, and says which went along", async () => {
    const timer = triggerNode("TimeTrigger");
    const triggers = (args: { function: string }): object =>
      page(args.function === "hi" ? [timer, routeNode(), timer] : [], args as never);
    const fields = { deleteFunction: () => functionNode(), triggers };
    expect((await fermi("function delete hi", fields)).api.requests[0]?.variables["deleteTriggers"]).toBe(false);
    const withTriggers = await fermi("function delete hi --with-triggers", fields);
    expect(withTriggers.api.requests.at(-1)?.variables["deleteTriggers"]).toBe(true);
    expect(withTriggers.stdout).toBe("function hi deleted, and its 1 route, 2 timers\n");
    expect((await fermi("function delete ho --with-triggers", fields)).stdout).toBe("function ho deleted\n");
    const refused = await fermi("function delete hi", {
      deleteFunction: throws("IN_USE", "delete it first, or pass deleteTriggers: true."),
    });
    expect(refused.stderr).toBe(
      "fermi: delete it first, or pass --with-triggers; --with-triggers deletes its routes, timers, watches and queues along with it",
    );
  });

  it("refuses an entrypoint that is given and taken away at once", async () => {
    const { exitCode, stderr } = await fermi("function update hi --entrypoint a --no-entrypoint", {});
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining("--entrypoint and --no-entrypoint can't both be meant"),
    ]);
  });

  it("lists versions, the current one marked", async () => {
    const versions = {
      function: () => ({ ...functionNode(), versions: (args: never) => page([versionNode(2), versionNode(1)], args) }),
    };
    const { stdout } = await fermi("function versions hi", versions);
    expect(stdout.split("\n")[2]).toMatch(/^1 +\* +node +- +26 +0123456789ab /);
  });

  it("rolls back to the version before, or to the one named", async () => {
    const rolledBack = { rollbackFunction: () => functionNode({ currentVersion: versionNode(4) }) };
    const current = functionNode({ currentVersion: versionNode(3), versions: (args: never) => page([], args) });
    const named = await fermi("function rollback hi --to 4", { ...rolledBack, function: () => current });
    expect(named.stdout).toBe("function hi is at version 4 again\n");
    const same = { rollbackFunction: () => current, function: () => current };
    expect((await fermi("function rollback hi --to 3", same)).stdout).toBe(
      "nothing to change: function hi is at version 3 already\n",
    );
    const before = await fermi("function rollback hi", { ...rolledBack, function: () => current });
    expect(before.api.requests.at(-1)?.variables).toMatchObject({ toVersion: 2 });
    const first = { ...current, currentVersion: versionNode(1) };
    expect(await fermi("function rollback hi", { function: () => first })).toMatchObject({ exitCode: 2 });
  });

  it("sends code without the byte order mark that an editor has put before it", async () => {
    const marked = path.join(folder, "marked.js");
    writeFileSync(marked, "\uFEFFcode");
    const { input } = await fermi(["function", "create", "hi", "--env", "e", "--code", marked], {
      createFunction: () => functionNode(),
    });
    expect(input).toMatchObject({ source: "code" });
  });

  it.each([
    ["no environment", ["create", "hi", "--code", code], "--env is missing"],
    ["no code", ["create", "hi", "--env", "node"], "--code is missing"],
    ["no name", ["create", "--env", "node", "--code", code], "a name is missing"],
    ["two names", ["get", "hi", "--name", "ho"], "two names"],
    ["a file that is not there", ["create", "hi", "--env", "e", "--code", `${code}x`], "there is no such file"],
    ["a folder", ["create", "hi", "--env", "e", "--code", folder], "it is a folder"],
    ["no text", ["create", "hi", "--env", "e", "--code", path.join(folder, "binary")], "it is no UTF-8 text"],
    ["a variable without a value", ["create", "hi", "--var", "A"], "NAME=VALUE"],
    ["a number that is none", ["create", "hi", "--timeout", "1m"], "A whole number"],
    ["nothing to change", ["update", "hi"], "nothing to change"],
  ])("refuses %s as a usage error", async (_, args, message) => {
    const { exitCode, stderr, api } = await fermi(["function", ...args], {});
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) });
    expect(stderr.split("\n")).toHaveLength(1);
    expect(api.requests).toEqual([]);
  });
});
