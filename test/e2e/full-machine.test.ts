import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { eventually, startFermi, type Fermi } from "../support/harness.js";
import { deploy } from "./support.js";

interface Checks {
  server: { checks: { name: string; ok: boolean; message: string }[] };
}

describe("a machine with room for four instances", () => {
  let fermi: Fermi;
  beforeAll(async () => {
    fermi = await startFermi({ env: { FERMI_MAX_INSTANCES: "4" } });
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
  });

  it("serves every function beside one that wants to keep ten, and says that this one can't", async () => {
    const source = `module.exports = async () => "hi";`;
    await deploy(fermi, "hog", source, { minInstances: 10 });
    await eventually(async () => {
      const { server } = await fermi.ok<Checks>(`{ server { checks { name ok message } } }`);
      const check = server.checks.find(({ name }) => name === "instances");
      expect(check?.ok).toBe(false);
      expect(check?.message).toContain("default/hog has 3 of its 10 minInstances: FERMI_MAX_INSTANCES (4)");
    });
    for (const name of ["one", "two", "three", "four", "five"]) {
      const url = await deploy(fermi, name, source, { timeoutSeconds: 5 });
      expect((await fetch(url)).status).toBe(200);
    }
    expect((await fetch(`${fermi.routerUrl}/hog`)).status).toBe(200);
  }, 60_000);
});
