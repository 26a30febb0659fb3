import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startFermi, type Fermi } from "../support/harness.js";
import { deploy } from "./support.js";

describe("code that does not load, or not now", () => {
  let fermi: Fermi;
  beforeAll(async () => {
    fermi = await startFermi();
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
  });

  it("is tried afresh once its environment is mended", async () => {
    const url = await deploy(fermi, "mended", `module.exports = async () => "hi";`);
    const setImage = (image: string): Promise<unknown> =>
      fermi.ok(`mutation($image: String!) { updateEnvironment(input: {name: "node", image: $image}) { id } }`, {
        image,
      });
    await setImage("fermi/python");
    const broken = await fetch(url);
    expect([broken.status, broken.headers.get("x-fermi-error")]).toEqual([502, "LOAD_FAILED"]);
    expect((await fetch(url)).status).toBe(502);
    await setImage("fermi/nodejs");
    const mended = await fetch(url);
    expect([mended.status, await mended.text()]).toEqual([200, "hi"]);
  }, 60_000);
});
