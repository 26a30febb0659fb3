/** A data folder that can't be one: told in one line, and nothing is kept elsewhere instead. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { startProblem } from "../../src/app/start-problem.js";
import { readConfig } from "../../src/config/read-config.js";
import { repository, temporaryFolder } from "../support/harness.js";

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;

describe("A data folder", () => {
  let folder: string;
  const cleanUps: (() => Promise<unknown>)[] = [];
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    await rm(folder, { recursive: true, force: true });
  });

  const serve = async (dataDir: string, uid?: number): Promise<{ code: unknown; output: string }> => {
    const env = { PATH: process.env["PATH"], FERMI_DATA_DIR: dataDir, FERMI_API_PORT: "0", FERMI_ROUTER_PORT: "0" };
    const args = [path.join(repository, "dist/main.js"), "serve"];
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"], ...(uid && { uid }) });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text: Buffer) => (output += text.toString()));
    const [code] = (await once(child, "close")) as [unknown];
    return { code, output };
  };
  const refusal = (place: string, problem: string): object => ({
    code: 1,
    output: `fermi: the data folder can't be used: ${place}: ${problem}; set FERMI_DATA_DIR to another folder\n`,
  });

  it("is refused where it is a file, and where it is below one", async () => {
    const file = path.join(folder, "file");
    await writeFile(file, "precious");
    for (const dataDir of [file, path.join(file, "data")]) {
      expect(await serve(dataDir)).toEqual(refusal(dataDir, "there is a file in the way"));
    }
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("is refused to a user who may not write there", async () => {
    await chmod(folder, 0o555);
    cleanUps.push(() => chmod(folder, 0o755));
    const uid = isRoot ? nobody : undefined;
    expect(await serve(folder, uid)).toEqual(refusal(folder, "this user may not write there"));
    expect(await serve(path.join(folder, "data"), uid)).toEqual(refusal(folder, "this user may not write there"));
  });

  it("is refused where the system makes no folders", async () => {
    expect(await serve("/proc/self/x/data")).toEqual(refusal("/proc/self", "no folder can be made there"));
  });

  it("is refused on a file system that is read-only", async () => {
    const error = Object.assign(new Error("EROFS"), { code: "EROFS", path: "/cdrom/data/fermi.lock.1" });
    const problem = "/cdrom/data: the file system is read-only";
    expect(startProblem(error, readConfig([], {}))).toContain(problem);
    const mounted = path.join(folder, "mounted");
    await mkdir(mounted);
    // Not every machine lets even root mount something.
    const isMounted =
      isRoot &&
      (await run("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", mounted]).then(
        () => true,
        () => false,
      ));
    if (!isMounted) return;
    cleanUps.push(() => run("umount", [mounted]));
    expect(await serve(mounted)).toEqual(refusal(mounted, "the file system is read-only"));
  });
});
