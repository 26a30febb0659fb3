import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ClusterInstance, InstanceOutput } from "../../src/cluster/cluster-driver.js";
import type { LocalDriver } from "../../src/cluster/local/local-driver.js";
import { logTag } from "../../src/lib/log-tag.js";
import { newId } from "../../src/lib/new-id.js";
import type { Environment } from "../../src/model/environment.js";
import { Changes } from "./changes.js";
import { aRequest } from "./cluster-driver.contract.js";
import { anEnvironment } from "./environments.js";
import { aLocalDriver } from "./local-subject.js";
import { eventually, processesIn } from "./processes.js";
import { itAsRoot } from "../support/unless.js";

const signal = (): AbortSignal => AbortSignal.timeout(30_000);
const key = "the-key";

describe("LocalDriver and hostile code", () => {
  let driver: LocalDriver;
  let stop: () => Promise<void>;
  let changes: Changes;
  let environment: Environment;
  let output: InstanceOutput[] = [];

  beforeAll(async () => {
    ({ driver, stop } = await aLocalDriver());
    changes = new Changes(driver);
    driver.logs((line) => output.push(line));
    environment = anEnvironment({ poolSize: 1 });
    await driver.ensurePool(environment);
  });
  afterAll(async () => {
    changes.stop();
    await stop();
  });
  afterEach(() => {
    output = [];
  });

  const call = (instance: ClusterInstance, path = "/"): Promise<string> => {
    const id = newId();
    const headers = { "x-fermi-key": key, "x-fermi-invocation-id": id, "x-fermi-log-tag": logTag(key, id) };
    return fetch(`http://${instance.address}${path}`, { headers, signal: signal() }).then((answer) => answer.text());
  };

  async function serve(source: string, of = environment): Promise<ClusterInstance> {
    const instance = await driver.claim(of.id, signal());
    await driver.specialize(instance, aRequest(source, { key, requestsPerInstance: 4 }), signal());
    return instance;
  }

  /** Another function answers as if nothing had happened, and the pool is as full as before. */
  async function expectUnharmed(): Promise<void> {
    const other = await serve("module.exports = async () => 'unharmed'");
    expect(await call(other)).toBe("unharmed");
    await driver.end(other.id, 1_000);
    await changes.untilWarm(environment.id, 1);
  }

  it("survives process.exit, and says with which code", async () => {
    const instance = await serve("module.exports = async () => process.exit(3)");
    await expect(call(instance)).rejects.toThrow();
    expect((await changes.untilGone(instance.id)).reason).toContain("exited with code 3");
    await expectUnharmed();
  });

  it("tells a process.exit while the code loads as a load error", async () => {
    const instance = await driver.claim(environment.id, signal());
    const loading = driver.specialize(instance, aRequest("process.exit(4)"), signal());
    await expect(loading).rejects.toMatchObject({ code: "LOAD_FAILED" });
    await expect(loading).rejects.toThrow("exited with code 4");
    await expectUnharmed();
  });

  it("ends an instance that blocks its event loop, by force after the grace", async () => {
    const instance = await serve("module.exports = async () => { console.log('blocking'); for (;;); }");
    const answer = call(instance);
    answer.catch(() => {});
    await eventually("it blocks", () => output.some(({ text }) => text.includes("blocking")));
    await expectUnharmed();
    await driver.end(instance.id, 100);
    expect(changes.ofInstance(instance.id).at(-1)!.type).toBe("GONE");
    await expect(answer).rejects.toThrow();
  });

  it("kills an instance whose heap, buffers or children exceed its memory limit, and says so", async () => {
    const small = anEnvironment({ poolSize: 0, resources: { ...environment.resources, memoryLimit: "128Mi" } });
    await driver.ensurePool(small);
    const buffers = await serve(
      `const kept = []; module.exports = async () => { for (;;) { kept.push(Buffer.alloc(8e6, 1)); await new Promise((r) => setTimeout(r, 20)) } }`,
      small,
    );
    await expect(call(buffers)).rejects.toThrow();
    expect((await changes.untilGone(buffers.id)).reason).toBe("used more than its memory limit of 128Mi");
    const child = "const kept = []; setInterval(() => kept.push(Buffer.alloc(8e6, 1)), 20)";
    const thread = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(child)}])`;
    const parent = await serve(
      `const { Worker } = require("node:worker_threads");
      module.exports = () => new Promise(() => new Worker(${JSON.stringify(thread)}, { eval: true }));`,
      small,
    );
    await expect(call(parent)).rejects.toThrow();
    expect((await changes.untilGone(parent.id)).reason).toBe("used more than its memory limit of 128Mi");
    // Here the engine gives up before the process as a whole has more than it may.
    const larger = anEnvironment({ poolSize: 0, resources: { ...environment.resources, memoryLimit: "300Mi" } });
    await driver.ensurePool(larger);
    const heap = await serve(
      "module.exports = async () => { const a = []; for (;;) a.push(new Array(100).fill(a.length)) }",
      larger,
    );
    await expect(call(heap)).rejects.toThrow();
    expect((await changes.untilGone(heap.id)).reason).toBe("used more than its memory limit of 300Mi");
    await driver.removePool(small.id);
    await driver.removePool(larger.id);
    await expectUnharmed();
  });

  it("bounds what a flood of output costs, and says what it dropped", async () => {
    const before = process.memoryUsage().rss;
    const instance = await serve(`const line = "x".repeat(99) + "\\n";
      module.exports = async () => { for (let i = 0; i < 1e6; i += 1000) process.stdout.write(line.repeat(1000)); return "flooded" }`);
    expect(await call(instance)).toBe("flooded");
    await eventually("the notice", () => output.some(({ text }) => /^fermi: dropped [\d,]+ lines/.test(text)));
    const kept = output.filter(({ text }) => text.includes("xxx"));
    expect(kept.length).toBeGreaterThan(4_000);
    expect(kept.length).toBeLessThan(200_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
    await driver.end(instance.id, 1_000);
    await expectUnharmed();
  });

  it("survives a throw from a timer, and reports why the instance is gone", async () => {
    const instance = await serve(
      "module.exports = async () => { setTimeout(() => { throw new Error('from a timer') }); return 'x' }",
    );
    await call(instance).catch(() => {});
    expect((await changes.untilGone(instance.id)).reason).toContain("exited with code 1");
    expect(output.some(({ text }) => text.includes("from a timer"))).toBe(true);
    await expectUnharmed();
  });

  it("ends what an instance has started, also in a session of its own and without its HOME", async () => {
    const instance = await serve(`const { spawn } = require("node:child_process");
      const ways = [{}, { detached: true }, { detached: true, env: {} }];
      module.exports = async () => { for (const way of ways) spawn("sleep", ["1000"], { ...way, stdio: "ignore" }).unref(); return "forked" }`);
    expect(await call(instance)).toBe("forked");
    expect(processesIn(driver.instancesDir).filter((command) => command.startsWith("sleep"))).toHaveLength(3);
    await driver.end(instance.id, 1_000);
    expect(processesIn(driver.instancesDir).filter((command) => command.startsWith("sleep"))).toEqual([]);
    await expectUnharmed();
  });

  it("does not wait for whoever holds the pipes of a dead instance", async () => {
    const instance = await serve(`const { spawn } = require("node:child_process");
      module.exports = async () => { spawn("sleep", ["1000"], { detached: true, stdio: "inherit" }); process.exit(1) }`);
    await expect(call(instance)).rejects.toThrow();
    await changes.untilGone(instance.id);
    expect(processesIn(driver.instancesDir).filter((command) => command.startsWith("sleep"))).toEqual([]);
  });

  it("gives a child nothing of its own environment, and no folder but its own", async () => {
    const instance = await serve(
      `module.exports = async () => ({ env: process.env, cwd: process.cwd(), uid: process.getuid() })`,
    );
    const seen = JSON.parse(await call(instance)) as { env: Record<string, string>; cwd: string; uid: number };
    expect(Object.keys(seen.env).sort()).toEqual(["HOME", "LANG", "PATH", "PORT"]);
    expect(seen.cwd).toBe(seen.env["HOME"]);
    expect(seen.cwd).toContain(instance.id);
    expect(seen.uid).toBe(process.getuid!() === 0 ? 65_534 : process.getuid!());
    await driver.end(instance.id, 1_000);
    expect(existsSync(seen.cwd)).toBe(false);
  });

  it("removes what an instance has closed to itself, and follows no link", async () => {
    const elsewhere = mkdtempSync(path.join(tmpdir(), "fermi-elsewhere-"));
    mkdirSync(path.join(elsewhere, "closed"), { mode: 0 });
    const instance = await serve(`const fs = require("node:fs");
      module.exports = async () => {
        fs.symlinkSync(${JSON.stringify(elsewhere)}, "link");
        fs.mkdirSync("closed/in", { recursive: true });
        // Its home lies in a folder that is its own only where it is the same user as Fermi.
        const isOwn = fs.statSync("..").uid === process.getuid();
        for (const folder of ["closed/in", "closed", ...(isOwn ? [".."] : []), "."]) fs.chmodSync(folder, 0);
        return "closed";
      }`);
    expect(await call(instance)).toBe("closed");
    await driver.end(instance.id, 1_000);
    expect(existsSync(path.join(driver.instancesDir, instance.id))).toBe(false);
    expect(statSync(path.join(elsewhere, "closed")).mode & 0o777).toBe(0);
    rmdirSync(path.join(elsewhere, "closed"));
    rmdirSync(elsewhere);
  });

  // With more, a link that is put there while the folder is emptied would have root remove anything.
  itAsRoot("removes an instance's files with no more rights than it had", async () => {
    const instance = await serve("module.exports = async () => process.cwd()");
    const home = await call(instance);
    const kept = path.join(home, "of-root");
    mkdirSync(path.join(kept, "in"), { recursive: true });
    writeFileSync(path.join(home, "own"), "");
    await driver.end(instance.id, 1_000);
    expect(readdirSync(home)).toEqual(["of-root"]);
    rmSync(path.join(driver.instancesDir, instance.id), { recursive: true });
  });

  it("lets a child listen on loopback only", async () => {
    const instance = await serve("module.exports = async () => ''");
    const port = Number(instance.address!.split(":")[1]);
    const listening = readFileSync("/proc/net/tcp", "latin1")
      .split("\n")
      .filter((line) => line.includes(`:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A`));
    expect(listening).toHaveLength(1);
    expect(listening[0]).toContain("0100007F:");
    await driver.end(instance.id, 1_000);
  });

  it("leaves nothing behind when it stops", async () => {
    const own = await aLocalDriver();
    const mine = anEnvironment({ poolSize: 2 });
    await own.driver.ensurePool(mine);
    const instance = await own.driver.claim(mine.id, signal());
    await own.driver.specialize(instance, aRequest("module.exports = async () => { for (;;); }", { key }), signal());
    call(instance).catch(() => {});
    await own.driver.stop(200);
    expect(processesIn(own.driver.instancesDir)).toEqual([]);
    await own.stop();
  });

  it("keeps no folder of an instance that is gone", async () => {
    await changes.untilWarm(environment.id, 1);
    const folders = readdirSync(driver.instancesDir);
    expect(folders.sort()).toEqual(
      changes
        .of(environment.id)
        .map(({ id }) => id)
        .sort(),
    );
  });
});
