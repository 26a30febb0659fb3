import { mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { chooseDataDir } from "../../src/store/embedded-postgres.js";
import { serverAccount } from "../../src/store/embedded/postgres-account.js";
import { installedPackage, usableBinaries } from "../../src/store/embedded/postgres-binaries.js";
import { makeFolder, removeFolder } from "./support/data-folder.js";
import { itAsRoot } from "../support/unless.js";

describe("The embedded database's programs", () => {
  let folder: string;
  let hidden: string;
  beforeEach(async () => {
    folder = await makeFolder();
    hidden = await makeFolder(0o700);
  });
  afterEach(async () => {
    await removeFolder(folder);
    await removeFolder(hidden);
  });

  it("are used where they were installed, if that can be reached", async () => {
    const installed = await installedPackage();
    const account = await serverAccount(path.join(folder, "postgres"));
    const { postgres, major } = await usableBinaries(account, folder, installed);
    expect(major).toMatch(/^\d\d$/);
    if (postgres.startsWith(installed.root)) expect(await readdir(folder)).toEqual([]);
  });

  itAsRoot("are copied once to where the database's user can run them", async () => {
    const installed = await installedPackage();
    await symlink(path.join(installed.root, "native"), path.join(hidden, "native"));
    const account = await serverAccount(path.join(folder, "postgres"));
    const first = await usableBinaries(account, folder, { ...installed, root: hidden });
    expect(path.dirname(path.dirname(path.dirname(first.postgres)))).toBe(folder);
    const made = (await stat(first.postgres)).ctimeMs;
    await usableBinaries(account, folder, { ...installed, root: hidden });
    expect((await stat(first.postgres)).ctimeMs).toBe(made);
    expect(await readdir(folder)).toEqual([`postgres-${installed.version}`]);
  });

  it("that can't run are refused with what to do", async () => {
    for (const part of ["bin", "lib", "share"]) await mkdir(path.join(hidden, "native", part), { recursive: true });
    await writeFile(path.join(hidden, "native", "bin", "postgres"), "no program");
    const refusal = usableBinaries({}, folder, { root: hidden, version: "18.0" });
    await expect(refusal).rejects.toMatchObject({ message: expect.stringContaining("DATABASE_URL") });
  });
});

describe("The data folder", () => {
  let folder: string;
  afterEach(() => removeFolder(folder));

  it("is the one that was asked for, made or not", async () => {
    folder = await makeFolder();
    for (const dir of [folder, path.join(folder, "a", "b")]) {
      expect(await chooseDataDir(dir)).toEqual({ dir, movedBecause: null });
    }
  });

  itAsRoot("is the system's where the database's user can't get to it", async () => {
    folder = await makeFolder(0o700);
    expect(await chooseDataDir(path.join(folder, ".fermi"))).toEqual({
      dir: "/var/lib/fermi",
      movedBecause: expect.stringContaining(folder),
    });
  });
});
