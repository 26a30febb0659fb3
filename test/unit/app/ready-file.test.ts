import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
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
    await file.prepare();
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
    await expect(new ReadyFile(path.join(folder, "none/ready.json")).prepare()).rejects.toThrow(
      /FERMI_READY_FILE.*no such/,
    );
    await mkdir(name);
    await expect(new ReadyFile(name).prepare()).rejects.toThrow(/FERMI_READY_FILE/);
  });

  it("may be none", async () => {
    const none = new ReadyFile(null);
    await none.prepare();
    await none.write({});
    await none.remove();
  });
});
