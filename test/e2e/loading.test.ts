import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { eventually, startFermi, type Fermi } from "../support/harness.js";
import { deploy } from "./support.js";

describe("code that does not load, or not now", () => {
  let fermi: Fermi;
  beforeAll(async () => {
    fermi = await startFermi();
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
  });

  it.each([
    ["blocks its process", `for (;;);`],
    ["leaves nothing that a promise settles with", `Object.prototype.then = function () {};`],
  ])(
    "is said to be loading still, and then not to load, where it %s",
    async (what, code) => {
      const source = `${code}\nmodule.exports = async () => "hi";`;
      const url = await deploy(fermi, what.slice(0, 6), source, { timeoutSeconds: 2 });
      const first = await fetch(url);
      expect([first.status, first.headers.get("x-fermi-error")]).toEqual([504, "FUNCTION_TIMEOUT"]);
      const { error } = (await first.json()) as { error: { message: string } };
      // Loading begins a moment after the request has come, so it lasts a little less than the limit.
      const [, seconds] = /code had loaded; it has been loading for (\d\.\d) s/.exec(error.message) ?? [];
      expect(Number(seconds)).toBeGreaterThan(0.5);
      expect(Number(seconds)).toBeLessThan(5);
      await eventually(async () => {
        const later = await fetch(url);
        expect([later.status, later.headers.get("x-fermi-error")]).toEqual([502, "LOAD_FAILED"]);
        const said = (await later.json()) as { error: { message: string } };
        expect(said.error.message).toContain("did not finish loading within 10 s");
      }, 20_000);
      const sinceMs = performance.now();
      expect((await fetch(url)).status).toBe(502);
      expect(performance.now() - sinceMs).toBeLessThan(1_000);
    },
    60_000,
  );

  it("is tried afresh once its environment is mended", async () => {
    const url = await deploy(fermi, "mended", `module.exports = async () => "hi";`);
    const setImage = (image: string): Promise<unknown> =>
      fermi.ok(`mutation($image: String!) { updateEnvironment(input: {name: "node", image: $image}) { id } }`, {
        image,
      });
    await setImage("fermi/python");
    const broken = await fetch(url);
    expect([broken.status, broken.headers.get("x-fermi-error")]).toEqual([502, "LOAD_FAILED"]);
    const again = await fetch(url);
    expect(again.status).toBe(502);
    expect(Number(again.headers.get("retry-after"))).toBeGreaterThanOrEqual(9);
    await setImage("fermi/nodejs");
    const mended = await fetch(url);
    expect([mended.status, await mended.text()]).toEqual([200, "hi"]);
  }, 60_000);
});
