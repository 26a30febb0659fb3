import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ensureBuilt } from "../../web/ensure-built.mjs";

const lock = JSON.stringify({
  packages: {
    "": { version: "0.1.0" },
    "node_modules/react": { version: "19.0.0" },
    "node_modules/other-platform": { version: "1.0.0", optional: true },
    "node_modules/types": { version: "1.0.0", dev: true },
  },
});

describe("ensureBuilt", () => {
  let folder: string;
  let ran: string[];
  let fail: string | undefined;

  const write = async (name: string, text: string): Promise<void> => {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  };
  /** Does what npm and the build leave behind. */
  const run = async (_command: readonly string[], cwd: string, what: string): Promise<void> => {
    ran.push(what);
    expect(cwd).toBe(folder);
    if (fail === what) throw new Error(`${what} failed`);
    if (what === "its build") return write("dist/index.html", "page");
    await write("node_modules/react/package.json", "{}");
    await write("node_modules/.package-lock.json", lock);
  };
  const ensure = async (): Promise<string[]> => {
    ran = [];
    await ensureBuilt({ folder, run, log: () => {} });
    return ran;
  };

  beforeEach(async () => {
    fail = undefined;
    folder = await mkdtemp(path.join(tmpdir(), "fermi-web-"));
    await write("build.mjs", "");
    await write("package-lock.json", lock);
    await write("src/main.tsx", "main");
    await write("src/tour/start.graphql", "{ a }");
  });

  afterEach(() => rm(folder, { recursive: true }));

  it("installs and builds at first, then nothing", async () => {
    expect(await ensure()).toEqual(["npm ci", "its build"]);
    expect(await ensure()).toEqual([]);
  });

  it.each(["src/main.tsx", "src/tour/start.graphql", "src/new.ts", "build.mjs"])(
    "builds again, without an install, when %s changes",
    async (name) => {
      await ensure();
      await write(name, "changed");
      expect(await ensure()).toEqual(["its build"]);
    },
  );

  it("installs again when the lock names another version", async () => {
    await ensure();
    await write("package-lock.json", lock.replace("19.0.0", "19.0.1"));
    expect(await ensure()).toEqual(["npm ci", "its build"]);
  });

  it("does not need the packages again once it is built", async () => {
    await ensure();
    await rm(path.join(folder, "node_modules"), { recursive: true });
    expect(await ensure()).toEqual([]);
  });

  it("builds again when the page is gone", async () => {
    await ensure();
    await rm(path.join(folder, "dist/index.html"));
    expect(await ensure()).toEqual(["its build"]);
  });

  it("installs again when a package's folder is gone", async () => {
    await ensure();
    await rm(path.join(folder, "node_modules/react"), { recursive: true });
    await write("src/main.tsx", "changed");
    expect(await ensure()).toEqual(["npm ci", "its build"]);
  });

  it("takes a build that failed for none, and tells of it", async () => {
    fail = "its build";
    await expect(ensure()).rejects.toThrow("its build failed");
    await expect(readFile(path.join(folder, "dist/.stamp"))).rejects.toThrow("ENOENT");
    fail = undefined;
    expect(await ensure()).toEqual(["its build"]);
  });

  it("takes a rebuild that failed for none, though the old page is there", async () => {
    await ensure();
    await write("src/main.tsx", "changed");
    fail = "its build";
    await expect(ensure()).rejects.toThrow("its build failed");
    fail = undefined;
    expect(await ensure()).toEqual(["its build"]);
  });

  it("says which command failed, with its exit code", async () => {
    await write("build.mjs", "process.exit(3)");
    await write("node_modules/react/package.json", "{}");
    await write("node_modules/.package-lock.json", lock);
    await expect(ensureBuilt({ folder, log: () => {} })).rejects.toThrow("the playground: its build failed (3)");
  });
});
