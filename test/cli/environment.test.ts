import { describe, expect, it } from "@jest/globals";
import { parse as parseYaml } from "yaml";
import { environmentNode } from "./fake-api.js";
import { fermi, throws } from "./run-fermi.js";

describe("fermi env", () => {
  it("creates an environment and says so", async () => {
    const line = "env create --name node --image fermi/nodejs --poolsize 2 --maxmemory 256Mi --graceperiod 5";
    const { exitCode, stdout, stderr, input } = await fermi(line, { createEnvironment: () => environmentNode() });
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "environment node created\n", stderr: "" });
    expect(input).toEqual({
      namespace: "default",
      name: "node",
      image: "fermi/nodejs",
      poolSize: 2,
      gracePeriodSeconds: 5,
      resources: { memoryLimit: "256Mi" },
    });
  });

  it.each([
    ["--version 1", "FISSION_V1"],
    ["--version 3", "FISSION_V2"],
    ["--contract FISSION_V2", "FISSION_V2"],
    ["--contract fission-v2", "FISSION_V2"],
  ])("knows the contract by %s", async (flag, contract) => {
    const { input } = await fermi(`env create node --image i ${flag}`, { createEnvironment: () => environmentNode() });
    expect(input).toMatchObject({ contract });
  });

  it("says how to change one that is there already", async () => {
    const { exitCode, stderr } = await fermi("env create node --image i", {
      createEnvironment: throws("ALREADY_EXISTS", "environment node exists."),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toBe("fermi: environment node exists; change it with `fermi env update node …`");
  });

  it("updates what is given and leaves the rest", async () => {
    const { stdout, input } = await fermi("environment update node --poolsize 5 --revision 7", {
      environment: () => environmentNode(),
      updateEnvironment: () => environmentNode({ revision: 2 }),
    });
    expect(stdout).toBe("environment node updated\n");
    expect(input).toEqual({ namespace: "default", name: "node", expectedRevision: 7, poolSize: 5 });
  });

  it("says that there was nothing to change, which is no failure", async () => {
    const fields = { environment: () => environmentNode(), updateEnvironment: () => environmentNode() };
    const { exitCode, stdout } = await fermi("env update node --poolsize 3", fields);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: "nothing to change: environment node is so already\n",
    });
    expect(JSON.parse((await fermi("env update node --poolsize 3 -o json", fields)).stdout)).toMatchObject({
      revision: 1,
    });
  });

  it("sends a pod template from YAML or JSON, and null to take it away", async () => {
    const sent = async (stdin: string): Promise<unknown> => {
      const fields = { environment: () => environmentNode(), updateEnvironment: () => environmentNode() };
      return (await fermi("env update node --pod-template -", fields, { stdin })).input;
    };
    const podTemplate = { spec: { nodeSelector: { disk: "ssd" } } };
    expect(await sent("spec:\n  nodeSelector:\n    disk: ssd\n")).toMatchObject({ podTemplate });
    expect(await sent(JSON.stringify(podTemplate))).toMatchObject({ podTemplate });
    expect(await sent("")).toMatchObject({ podTemplate: null });
  });

  it("says that a pod template is no YAML", async () => {
    const { exitCode, stderr } = await fermi("env update node --pod-template -", {}, { stdin: "a: [b" });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^fermi: - is neither YAML nor JSON: /);
  });

  it("names the flag where the server names a field", async () => {
    const message = "poolSize must be a whole number from 0 to 100.";
    const { stderr } = await fermi("env create node --image i --poolsize 101", {
      createEnvironment: throws("BAD_USER_INPUT", message, "poolSize"),
    });
    expect(stderr).toBe("fermi: --poolsize must be a whole number from 0 to 100");
    const request = await fermi("env create node --image i --minmemory 2Gi", {
      createEnvironment: throws(
        "BAD_USER_INPUT",
        "resources.memoryRequest must not be above resources.memoryLimit.",
        "resources.memoryRequest",
      ),
    });
    expect(request.stderr).toBe("fermi: --minmemory must not be above --maxmemory");
  });

  it("says what uses an environment that can't be deleted", async () => {
    const { exitCode, stderr } = await fermi("env delete node", {
      deleteEnvironment: throws("IN_USE", "environment node is used by 2 functions"),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      "fermi: environment node is used by 2 functions; `fermi function list --env node` shows what uses it",
    );
  });

  it("shows one as a table, JSON or YAML", async () => {
    const fields = { environment: () => environmentNode() };
    const table = await fermi("env get node", fields);
    expect(table.stdout).toMatch(/^NAMESPACE {3}NAME {3}IMAGE .*\ndefault {5}node {3}fermi\/nodejs {3}FERMI +3 /);
    const json = await fermi("env get --name node -o json", fields);
    expect(JSON.parse(json.stdout)).toMatchObject({ name: "node", poolSize: 3 });
    const yaml = await fermi("-o yaml env get node", fields);
    expect(parseYaml(yaml.stdout)).toMatchObject({ name: "node", poolSize: 3 });
    const odd = { labels: { "=": "<<", "<<": "=", yes: "2026-01-02", lines: "a\u0085b\u2028" } };
    const podTemplate = (): object => ({ ...environmentNode(), podTemplate: odd });
    const told = (await fermi("-o yaml env get node", { environment: podTemplate })).stdout;
    expect(parseYaml(told)).toMatchObject({ podTemplate: odd });
    expect(told).toContain(`"=": "<<"\n    "<<": "="\n    "yes": "2026-01-02"\n    lines: "a\\u0085b\\u2028"\n`);
  });

  it("says how to create one that is not there", async () => {
    const { exitCode, stderr, stdout } = await fermi("env get gone", { environment: () => null });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain("`fermi env create --name gone --image fermi/nodejs`");
  });
});
