import { afterEach, describe, expect, it } from "@jest/globals";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { LocalDriver, LocalDriverOptions } from "../../src/cluster/local/local-driver.js";
import { leastMemoryLimit } from "../../src/model/validate-environment.js";
import { Changes } from "./changes.js";
import { aRequest } from "./cluster-driver.contract.js";
import { anEnvironment } from "./environments.js";
import { aLocalDriver } from "./local-subject.js";
import { eventually } from "./processes.js";

const signal = (): AbortSignal => AbortSignal.timeout(20_000);

describe("LocalDriver's pools", () => {
  const cleanUps: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  async function start(change: Partial<LocalDriverOptions> = {}): Promise<{ driver: LocalDriver; changes: Changes }> {
    const { driver, stop } = await aLocalDriver(change);
    const changes = new Changes(driver);
    cleanUps.push(stop, () => changes.stop());
    return { driver, changes };
  }

  /** A folder of runtimes in which Node's is this script. */
  function runtimes(source: string): string {
    const folder = mkdtempSync(path.join(tmpdir(), "fermi-runtimes-"));
    chmodSync(folder, 0o755);
    mkdirSync(path.join(folder, "nodejs"), { mode: 0o755 });
    writeFileSync(path.join(folder, "nodejs", "package.json"), '{ "type": "module" }');
    writeFileSync(path.join(folder, "nodejs", "server.js"), source);
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  it("never hold more instances than the machine may run, and give way to a claim", async () => {
    const { driver, changes } = await start({ maxInstances: 2 });
    const full = anEnvironment({ poolSize: 5 });
    const empty = anEnvironment({ poolSize: 0 });
    await driver.ensurePool(full);
    await changes.until("two warm", () => changes.of(full.id, "WARM").length === 2);
    await driver.ensurePool(empty);
    const first = await driver.claim(empty.id, signal());
    const second = await driver.claim(full.id, signal());
    await expect(driver.claim(empty.id, signal())).rejects.toThrow("all 2 instances");
    const freed = driver.end(first.id, 0).then(() => driver.claim(empty.id, signal()));
    expect((await freed).environmentId).toBe(empty.id);
    let most = 0;
    const alive = new Set<string>();
    for (const { type, instance } of changes.all) {
      if (type === "GONE") alive.delete(instance.id);
      else alive.add(instance.id);
      most = Math.max(most, alive.size);
    }
    expect(most).toBe(2);
    await driver.end(second.id, 0);
  });

  it("start a bounded number of instances at a time", async () => {
    const { driver, changes } = await start({ parallelStarts: 1 });
    const environment = anEnvironment({ poolSize: 3 });
    await driver.ensurePool(environment);
    await changes.untilWarm(environment.id, 1).catch(() => {});
    await changes.until("three warm", () => changes.of(environment.id, "WARM").length === 3);
    const starting = new Set<string>();
    for (const { type, instance } of changes.all) {
      if (type === "CHANGED" && instance.state === "STARTING") starting.add(instance.id);
      else starting.delete(instance.id);
      expect(starting.size).toBeLessThanOrEqual(1);
    }
  });

  it("say why a runtime does not come up, refuse claims, and recover when it does", async () => {
    const mended = path.join(mkdtempSync(path.join(tmpdir(), "fermi-mended-")), "mended");
    chmodSync(path.dirname(mended), 0o755);
    const real = new URL("../../environments/nodejs/server.js", import.meta.url).href;
    const runtimesDir = runtimes(`import { existsSync } from "node:fs";
      if (!existsSync(${JSON.stringify(mended)})) throw new Error("the disk is broken");
      await import(${JSON.stringify(real)});`);
    const { driver, changes } = await start({ runtimesDir });
    const environment = anEnvironment({ poolSize: 1 });
    await driver.ensurePool(environment);
    await eventually("a problem", () => driver.health()[0]!.problem !== null);
    expect(driver.health()[0]!.problem).toContain("the disk is broken");
    await expect(driver.claim(environment.id, signal())).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
    writeFileSync(mended, "");
    await changes.untilWarm(environment.id, 1);
    expect(driver.health()[0]!.problem).toBeNull();
    rmSync(path.dirname(mended), { recursive: true });
  });

  it("tell callers nothing of the machine where its instances have no place, and the operator all", async () => {
    const { driver } = await start();
    rmSync(driver.instancesDir, { recursive: true });
    const environment = anEnvironment({ poolSize: 1 });
    await driver.ensurePool(environment);
    const refused: unknown = await driver.claim(environment.id, signal()).catch((error: unknown) => error);
    expect((refused as Error).message).toBe(
      "No instance can be started: new instances of fermi/nodejs do not come up, and `fermi check` tells the operator why.",
    );
    expect(driver.health()[0]!.problem).toMatch(
      /^a new instance of fermi\/nodejs could not be started \(ENOENT: .*\/instances\//,
    );
  });

  it("give up on a runtime that does not listen in time", async () => {
    const { driver } = await start({ runtimesDir: runtimes("setInterval(() => {}, 1000);"), startTimeoutMs: 300 });
    const environment = anEnvironment({ poolSize: 1 });
    await driver.ensurePool(environment);
    await eventually("a problem", () => driver.health()[0]!.problem !== null);
    expect(driver.health()[0]!.problem).toContain("did not listen within 300 ms");
  });

  it("run where the data folder is closed to the instances' user, and leave nothing elsewhere", async () => {
    const dataDir = mkdtempSync(path.join(tmpdir(), "fermi-closed-"));
    chmodSync(dataDir, 0o700);
    cleanUps.push(() => rmSync(dataDir, { recursive: true, force: true }));
    const { driver, stop } = await aLocalDriver({ dataDir });
    const environment = anEnvironment({ poolSize: 0 });
    await driver.ensurePool(environment);
    const instance = await driver.claim(environment.id, signal());
    await driver.specialize(instance, aRequest("export default async () => 'Hello'", { key: "k" }), signal());
    const answer = await fetch(`http://${instance.address}/`, { headers: { "x-fermi-key": "k" } });
    expect(await answer.text()).toBe("Hello");
    const { instancesDir } = driver;
    await stop();
    expect(instancesDir.startsWith(dataDir) || !existsSync(instancesDir)).toBe(true);
  });

  it("know their images whatever the registry, tag or digest, and refuse others by name", async () => {
    const { driver } = await start();
    for (const image of ["fermi/nodejs", "fermi/nodejs:1.2", "registry.local:5000/team/fermi/nodejs:a@sha256:0f"]) {
      expect(driver.refuseImage(image, "FERMI")).toBeUndefined();
    }
    for (const image of [
      "nodejs",
      "fermi/nodejsx",
      "notfermi/nodejs",
      "fermi/nodejs/more",
      "fermi/ruby",
      "x fermi/nodejs",
    ]) {
      expect(driver.refuseImage(image, "FERMI")).toContain("fermi/nodejs");
    }
    expect(driver.refuseImage("fermi/nodejs", "FISSION_V2")).toContain("FERMI");
    expect(driver.images).toContain("fermi/nodejs");
  });

  const sources = {
    "fermi/nodejs": "export default async () => 'Hello'",
    "fermi/python": "def main():\n  return 'Hello'",
  };
  it.each(Object.entries(sources))(
    "come up and serve with the least memory that %s may have",
    async (image, source) => {
      const { driver, changes } = await start();
      if (!driver.images.includes(image)) return;
      const resources = { ...anEnvironment().resources, memoryLimit: leastMemoryLimit[image] ?? "" };
      const environment = anEnvironment({ poolSize: 1, image, resources });
      await driver.ensurePool(environment);
      await changes.untilWarm(environment.id, 1);
      const instance = await driver.claim(environment.id, signal());
      await driver.specialize(instance, aRequest(source, { key: "k" }), signal());
      for (let call = 0; call < 500; call++) {
        const answer = await fetch(`http://${instance.address}/`, { headers: { "x-fermi-key": "k" } });
        expect(await answer.text()).toBe("Hello");
      }
      expect(changes.of(environment.id).map(({ id }) => id)).toContain(instance.id);
    },
  );

  it("run Python too, where there is one", async () => {
    const { driver } = await start();
    if (!driver.images.includes("fermi/python")) return;
    const environment = anEnvironment({ poolSize: 0, image: "fermi/python" });
    await driver.ensurePool(environment);
    const instance = await driver.claim(environment.id, signal());
    await driver.specialize(instance, aRequest("def main():\n  return 'Hello'", { key: "k" }), signal());
    const answer = await fetch(`http://${instance.address}/`, { headers: { "x-fermi-key": "k" } });
    expect(await answer.text()).toBe("Hello");
  });
});
