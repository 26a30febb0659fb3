import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { fermi, throws } from "./run-fermi.js";

const server = {
  version: "9.9.9",
  cluster: "local",
  store: "PostgreSQL 18",
  routerUrl: "x",
  startedAt: "2030-01-01T00:00:00Z",
  processes: [],
};
const store = { name: "store", ok: true, message: "PostgreSQL 18.4 answers." };
const triggers = { name: "role triggers", ok: false, message: "No process of this role has been heard of lately." };

const serving = (checks: readonly object[]) => ({ server: () => ({ ...server, checks }) });

describe("fermi check", () => {
  it("shows what was looked at, and ends with 0 where all is well", async () => {
    const { exitCode, stdout, stderr } = await fermi("check", serving([store]));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toBe("CHECK   STATUS   MESSAGE\nstore   ok       PostgreSQL 18.4 answers.\n");
  });

  it("shows what is wrong first, and ends with 1", async () => {
    const { exitCode, stdout, stderr } = await fermi("check", serving([store, triggers]));
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: "fermi: 1 of 2 checks failed; what is wrong stands above",
    });
    expect(stdout.split("\n").slice(1, 3)).toEqual([
      "role triggers   FAILED   No process of this role has been heard of lately.",
      "store           ok       PostgreSQL 18.4 answers.",
    ]);
  });

  it("gives programs the checks as they are, with the same exit code", async () => {
    const json = await fermi("check -o json", serving([store, triggers]));
    expect({ exitCode: json.exitCode, checks: JSON.parse(json.stdout) as unknown }).toEqual({
      exitCode: 1,
      checks: [triggers, store],
    });
    expect(parse((await fermi("check -o yaml", serving([store]))).stdout)).toEqual([store]);
  });

  it("says what to do where the server refuses", async () => {
    const { exitCode, stderr } = await fermi("check", { server: throws("UNAUTHENTICATED", "Sign in.") });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining("FERMI_TOKEN") });
  });
});
