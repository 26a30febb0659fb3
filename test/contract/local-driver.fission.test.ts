/** Images of Fission's contracts as commands of this machine: servers that know nothing of Fermi. */
import { hash } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { SpecializeRequest } from "../../src/cluster/cluster-driver.js";
import type { LocalDriver } from "../../src/cluster/local/local-driver.js";
import type { MappedRuntime } from "../../src/cluster/local/runtimes.js";
import type { RuntimeContract } from "../../src/model/environment.js";
import { nodeFixture, nodeImage, pythonFixture, pythonImage } from "../fixtures/fission-commands.js";
import { Changes } from "./changes.js";
import { aRequest } from "./cluster-driver.contract.js";
import { anEnvironment } from "./environments.js";
import { aLocalDriver } from "./local-subject.js";
import { itAsRoot } from "../support/unless.js";

const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function start(...mapped: MappedRuntime[]): Promise<LocalDriver> {
  const { driver, stop } = await aLocalDriver({ mapped });
  stops.push(stop);
  return driver;
}

const request = (source: string, change: Partial<SpecializeRequest> = {}): SpecializeRequest =>
  aRequest(source, { code: { source, sha256: hash("sha256", source) }, ...change });

/** Specializes one instance of the image; answers what calls it. */
async function serve(
  driver: LocalDriver,
  { image, contract }: { image: string; contract: RuntimeContract },
  order: SpecializeRequest,
): Promise<(path?: string, init?: RequestInit) => Promise<Response>> {
  const environment = anEnvironment({ image, contract, poolSize: 0 });
  await driver.ensurePool(environment);
  const instance = await driver.claim(environment.id, signal());
  await driver.specialize(instance, order, signal());
  return (place = "/", init = {}) => fetch(`http://${instance.address!}${place}`, init);
}

/** Runs the tests with the fixture's command, or says why it does not. */
function withFixture(name: string, fixture: MappedRuntime | string, tests: (runtime: MappedRuntime) => void): void {
  if (typeof fixture === "string") it.skip(`${name}: ${fixture}`, () => {});
  else tests(fixture);
}

const [node, python] = await Promise.all([nodeFixture(), pythonFixture()]);
const both = ["FISSION_V1", "FISSION_V2"] as const;

describe("Local driver: a Node image of Fission's contracts", () => {
  withFixture("node", node, (runtime) => {
    const image = `registry.example:5000/team/other@sha256:${"0".repeat(64)}`;

    it.each(both)("serves a function of %s, with a promise or a callback", async (contract) => {
      const driver = await start(runtime);
      const promised = `module.exports = async (context) => ({ status: 201, body: { got: context.request.body }, headers: { "x-own": "1" } });`;
      const call = await serve(driver, { image: nodeImage, contract }, request(promised));
      const headers = { "content-type": "application/json" };
      const answer = await call("/", { method: "POST", body: `{"a":1}`, headers });
      expect([answer.status, answer.headers.get("x-own"), await answer.text()]).toEqual([201, "1", `{"got":{"a":1}}`]);
      const called = `module.exports = function (context, callback) { callback(200, "Hello, world!\\n") }`;
      const other = await serve(driver, { image: `${nodeImage}:v2`, contract }, request(called));
      expect(await (await other()).text()).toBe("Hello, world!\n");
    });

    it("finds the entrypoint's module and function", async () => {
      const source = `exports.main = async () => ({ status: 200, body: "main" }); exports.other = async () => ({ status: 200, body: "other" });`;
      const driver = await start(runtime);
      const order = request(source, { entrypoint: "handlers.other" });
      const call = await serve(driver, { image: nodeImage, contract: "FISSION_V2" }, order);
      expect(await (await call()).text()).toBe("other");
    });

    it.each(both)("says in the image's words why code of %s does not load, and logs it", async (contract) => {
      const driver = await start(runtime);
      const logged = new Promise<string>((resolve) => {
        const logs = driver.logs(({ text }) => {
          if (text.startsWith("SyntaxError: Unexpected token")) resolve(text);
        });
        stops.push(() => logs.stop());
      });
      const broken = serve(driver, { image: nodeImage, contract }, request("module.exports = (;"));
      const route = contract === "FISSION_V1" ? "/specialize" : "/v2/specialize";
      await expect(broken).rejects.toMatchObject({
        code: "LOAD_FAILED",
        message: expect.stringContaining(`The image answered 500 to POST ${route}: SyntaxError`),
      });
      await logged;
    });

    it("blames the code where the process ends while it loads", async () => {
      const driver = await start(runtime);
      const ending = serve(driver, { image: nodeImage, contract: "FISSION_V1" }, request("process.exit(3)"));
      await expect(ending).rejects.toMatchObject({
        code: "LOAD_FAILED",
        message: expect.stringContaining("exited with code 3"),
      });
    });

    it("is given a folder of its own, and leaves nothing", async () => {
      const driver = await start(runtime);
      const changes = new Changes(driver);
      stops.push(() => changes.stop());
      const environment = anEnvironment({ image: nodeImage, contract: "FISSION_V2", poolSize: 2 });
      await driver.ensurePool(environment);
      const warm = await changes.untilWarm(environment.id, 2);
      for (const { id } of warm) expect(readdirSync(path.join(driver.instancesDir, id))).toEqual(["home", "userfunc"]);
      await driver.removePool(environment.id);
      expect(readdirSync(driver.instancesDir)).toEqual([]);
    });

    itAsRoot("can't have root write elsewhere by a link in the place of an instance's folder", async () => {
      const driver = await start(runtime);
      const elsewhere = mkdtempSync(path.join(tmpdir(), "fermi-elsewhere-"));
      stops.push(() => rmSync(elsewhere, { recursive: true }));
      chmodSync(elsewhere, 0o755);
      const environment = anEnvironment({ image: nodeImage, contract: "FISSION_V1", poolSize: 0 });
      await driver.ensurePool(environment);
      const victim = await driver.claim(environment.id, signal());
      const folder = path.join(driver.instancesDir, victim.id, "userfunc");
      const puts = `const fs = require("node:fs");
        module.exports = async () => {
          fs.renameSync(${JSON.stringify(folder)}, ${JSON.stringify(`${folder}.old`)});
          fs.symlinkSync(${JSON.stringify(elsewhere)}, ${JSON.stringify(folder)});
          return { status: 200, body: "put" };
        };`;
      const call = await serve(driver, { image: nodeImage, contract: "FISSION_V1" }, request(puts));
      await call();
      const source = `module.exports = async () => ({ status: 200, body: "served" });`;
      await driver.specialize(victim, request(source), signal()).catch(() => {});
      expect(readdirSync(elsewhere)).toEqual([]);
      expect(await (await fetch(`http://${victim.address!}/`)).text()).toBe("served");
    });

    it("is known with any tag, and refused with what there is where it does not speak the contract", async () => {
      const driver = await start({ ...runtime, contracts: ["FISSION_V2"] });
      expect(driver.refuseImage(nodeImage, "FISSION_V2")).toBeUndefined();
      expect(driver.refuseImage(`${nodeImage}:1.2@sha256:0f`, "FISSION_V2")).toBeUndefined();
      expect(driver.refuseImage(nodeImage, "FISSION_V1")).toContain(`${nodeImage} (FISSION_V2)`);
      expect(driver.refuseImage(nodeImage, "FERMI")).toContain("speaks FISSION_V2, and not FERMI");
      expect(driver.refuseImage("fermi/nodejs", "FISSION_V2")).toContain("speaks FERMI, and not FISSION_V2");
      expect(driver.refuseImage(`example.com/${nodeImage}`, "FISSION_V2")).toContain("no runtime for this image");
      expect(driver.refuseImage(image, "FISSION_V2")).toContain("no runtime for this image");
    });
  });

  it("is a problem of the pool where the command does not run", async () => {
    const driver = await start({ image: nodeImage, contracts: ["FISSION_V2"], command: ["/no/such/program"] });
    const environment = anEnvironment({ image: nodeImage, contract: "FISSION_V2", poolSize: 1 });
    await driver.ensurePool(environment);
    const refused: unknown = await driver.claim(environment.id, signal()).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "CLUSTER_UNAVAILABLE", message: expect.stringContaining("do not come up") });
    expect(driver.health()[0]!.problem).toContain("could not be started");
  });
});

describe("Local driver: a Python image of Fission's contracts", () => {
  withFixture("python", python, (runtime) => {
    it.each(both)("serves a function of %s that uses Flask", async (contract) => {
      const driver = await start(runtime);
      const source = "from flask import request\ndef main():\n  return 'Hello ' + request.args['name'], 201\n";
      const call = await serve(driver, { image: pythonImage, contract }, request(source));
      const answer = await call("/?name=you");
      expect([answer.status, await answer.text()]).toEqual([201, "Hello you"]);
    });

    it.each(["handlers.other", "other", "package.handlers.other"])("finds the entrypoint %s", async (entrypoint) => {
      const driver = await start(runtime);
      const source = "def main():\n  return 'main'\ndef other():\n  return 'other'\n";
      const order = request(source, { entrypoint });
      const call = await serve(driver, { image: pythonImage, contract: "FISSION_V2" }, order);
      expect(await (await call()).text()).toBe("other");
    });

    it.each(both)("says in the image's words why code of %s does not load", async (contract) => {
      const driver = await start(runtime);
      const broken = serve(driver, { image: pythonImage, contract }, request("import nothing_like_it\n"));
      await expect(broken).rejects.toMatchObject({
        code: "LOAD_FAILED",
        message: expect.stringContaining("ModuleNotFoundError: No module named 'nothing_like_it'"),
      });
    });
  });
});
