import { execFile } from "node:child_process";
import { link, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ReadyFile } from "../../../src/app/ready-file.js";
import { temporaryFolder } from "../../support/harness.js";

describe("the ready file", () => {
  let folder: string;
  let name: string;
  beforeEach(async () => {
    folder = await temporaryFolder();
    name = path.join(folder, "ready.json");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is there only while the server is ready, whatever an earlier one left", async () => {
    await writeFile(name, "left");
    const file = new ReadyFile(name);
    await file.check();
    expect(await readdir(folder)).toEqual(["ready.json"]);
    await file.clear();
    expect(await readdir(folder)).toEqual([]);
    await file.write({ apiUrl: "http://a" });
    expect(JSON.parse(await readFile(name, "utf8"))).toEqual({ apiUrl: "http://a" });
    await file.remove();
    await file.remove();
    expect(await readdir(folder)).toEqual([]);
  });

  it("is never there in part", async () => {
    const other = path.join(folder, "other");
    await writeFile(name, "whole");
    await link(name, other);
    await new ReadyFile(name).write({});
    // It was not written into, but put in its place.
    expect([await readFile(other, "utf8"), await readFile(name, "utf8")]).toEqual(["whole", "{}"]);
    expect((await readdir(folder)).sort()).toEqual(["other", "ready.json"]);
  });

  it("is refused before anything is started where it can't be", async () => {
    await expect(new ReadyFile(path.join(folder, "none/ready.json")).check()).rejects.toThrow(
      /FERMI_READY_FILE.*no such/,
    );
  });

  const others: [string, (name: string) => Promise<unknown>][] = [
    ["a folder", (name) => mkdir(name)],
    ["a symbolic link", (name) => symlink("elsewhere", name)],
    ["a device, a pipe or a socket", (name) => promisify(execFile)("mkfifo", [name])],
  ];
  it.each(others)("takes nothing away that is no file: %s", async (what, make) => {
    await make(name);
    const file = new ReadyFile(name);
    for (const refused of [file.check(), file.clear()]) {
      await expect(refused).rejects.toThrow(`${name} (FERMI_READY_FILE) can't be written: it is ${what}`);
    }
    await file.remove();
    expect(await readdir(folder)).toEqual(["ready.json"]);
  });

  it("stays where it is another server's", async () => {
    await writeFile(name, "of a server that runs");
    const file = new ReadyFile(name);
    await file.check();
    await file.remove();
    expect(await readFile(name, "utf8")).toBe("of a server that runs");
  });

  it("may be none", async () => {
    const none = new ReadyFile(null);
    await none.check();
    await none.clear();
    await none.write({});
    await none.remove();
  });
});
