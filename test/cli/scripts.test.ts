import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "@jest/globals";

const folder = mkdtempSync(path.join(tmpdir(), "fermi-scripts-"));
afterAll(() => rmSync(folder, { recursive: true }));

const scripts = fileURLToPath(new URL("../../scripts/", import.meta.url));
const script = (text: string): string[] => ["--input-type=module", "-e", text];

/** Runs a few lines that import from scripts/. */
const run = (text: string) => spawnSync(process.execPath, script(text), { cwd: scripts, encoding: "utf8" });

/** A process that takes the lock, says so, and keeps it until its stdin ends. */
function hold(lock: string) {
  const text = `
    import { withLock } from "./lock.mjs";
    await withLock(${JSON.stringify(lock)}, console.error, async () => {
      console.log("held");
      for await (const _ of process.stdin);
    });`;
  return spawn(process.execPath, script(text), { cwd: scripts });
}

describe("The lock of installing and compiling", () => {
  it("lets one process in at a time, and tells the other for whom it waits", async () => {
    const lock = path.join(folder, "one");
    const first = hold(lock);
    await once(first.stdout, "data");
    const second = hold(lock);
    const [told] = (await once(second.stderr, "data")) as [Buffer];
    expect(told.toString()).toContain(`waiting for process ${first.pid}`);
    first.stdin.end();
    await once(first, "close");
    await once(second.stdout, "data");
    second.stdin.end();
    expect(await once(second, "close")).toEqual([0, null]);
    expect(existsSync(lock)).toBe(false);
  });

  it("is taken over from a process that was killed", async () => {
    const lock = path.join(folder, "killed");
    const first = hold(lock);
    await once(first.stdout, "data");
    first.kill("SIGKILL");
    await once(first, "close");
    expect(existsSync(lock)).toBe(true);
    const second = hold(lock);
    await once(second.stdout, "data");
    second.stdin.end();
    expect(await once(second, "close")).toEqual([0, null]);
  });

  it("is taken over where its holder died before it could write its number", async () => {
    const lock = path.join(folder, "empty");
    writeFileSync(lock, "");
    const held = hold(lock);
    await once(held.stdout, "data");
    held.stdin.end();
    expect(await once(held, "close")).toEqual([0, null]);
  });

  it("is given back when the work fails", () => {
    const lock = path.join(folder, "failed");
    const { status } = run(`
      import { withLock } from "./lock.mjs";
      await withLock(${JSON.stringify(lock)}, console.error, () => Promise.reject(new Error("no")));`);
    expect(status).toBe(1);
    expect(existsSync(lock)).toBe(false);
  });
});

describe("Preparing a clone", () => {
  it.each([
    ["18.20.4", "Node 20.19 or newer is needed, this is 18.20.4"],
    ["20.18.9", "Node 20.19 or newer is needed, this is 20.18.9"],
    ["20.19.0", ""],
    ["22.0.0", ""],
  ])("checks the version of Node: %s", (version, message) => {
    const { stderr, status } = run(`
      import { explain, requireNode } from "./prepare.mjs";
      try { requireNode("${version}"); } catch (error) { explain(error); }`);
    expect(status).toBe(message === "" ? 0 : 1);
    expect(stderr).toContain(message);
  });

  it("tells that it goes on while npm installs and says nothing", async () => {
    const clone = path.join(folder, "clone");
    mkdirSync(path.join(clone, "scripts"), { recursive: true });
    for (const name of ["prepare.mjs", "lock.mjs"]) {
      copyFileSync(path.join(scripts, name), path.join(clone, "scripts", name));
    }
    writeFileSync(path.join(clone, "package.json"), '{ "engines": { "node": ">=20.19" } }');
    const [npm, isTold] = [path.join(clone, "npm.js"), path.join(clone, "told")];
    writeFileSync(npm, `setInterval(() => require("fs").existsSync(${JSON.stringify(isTold)}) && process.exit(7), 10)`);
    const text = `
      import { explain, prepare } from "./prepare.mjs";
      await prepare({ everyMs: 20 }).catch(explain);`;
    const child = spawn(process.execPath, script(text), {
      cwd: path.join(clone, "scripts"),
      env: { PATH: process.env["PATH"], npm_execpath: npm },
    });
    const closed = once(child, "close");
    let said = "";
    for await (const chunk of child.stderr as AsyncIterable<Buffer>) {
      said += chunk.toString();
      if (/^fermi: still installing packages \(\d+ s\)$/m.test(said)) writeFileSync(isTold, "");
    }
    expect(said).toMatch(/^fermi: installing packages [^]*still installing packages [^]*`npm ci` failed \(7\)/);
    expect(await closed).toEqual([1, null]);
  });

  it("has nothing to do the second time, and takes no time for it", () => {
    const { status, stderr, stdout } = run(`
      import { prepare } from "./prepare.mjs";
      await prepare({ log: () => {} });
      const startedAt = performance.now();
      await prepare({ log: (text) => { throw new Error(text); } });
      console.log(performance.now() - startedAt);`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(Number(stdout)).toBeLessThan(1_000);
  });
});
