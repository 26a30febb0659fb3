import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { AppError } from "../../errors/app-error.js";
import { runningAs, type Account } from "./postgres-account.js";
import type { PostgresBinaries } from "./postgres-binaries.js";

const run = promisify(execFile);

export const pgDataOf = (dataDir: string): string => path.join(dataDir, "postgres");

export const superuser = "fermi";

interface ClusterOptions {
  readonly dataDir: string;
  readonly account: Account;
  readonly binaries: PostgresBinaries;
  readonly isFast: boolean;
}

/** The superuser's password of the cluster in the data folder, which is made first where there is none. */
export async function ensureCluster(options: ClusterOptions): Promise<string> {
  const pgData = pgDataOf(options.dataDir);
  const found = await readFile(path.join(pgData, "PG_VERSION"), "utf8").catch(() => undefined);
  if (found === undefined) await createCluster(options);
  else refuseOtherMajor(found.trim(), options);
  return readPassword(passwordFile(options.dataDir));
}

const passwordFile = (dataDir: string): string => path.join(dataDir, "postgres.password");

function refuseOtherMajor(found: string, { dataDir, binaries }: ClusterOptions): void {
  if (found === binaries.major) return;
  throw new AppError(
    "STORE_UNAVAILABLE",
    `the database in ${dataDir} was made by PostgreSQL ${found}, this Fermi brings PostgreSQL ${binaries.major}; ` +
      "export it with the Fermi it was made with, or set FERMI_DATA_DIR to another folder",
  );
}

async function readPassword(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new AppError("STORE_UNAVAILABLE", `the database's password can't be read from ${file}`, { cause });
  }
}

/**
 * Made under another name and renamed when it is whole: an initialization that was cut short leaves nothing that could
 * be taken for a database.
 */
async function createCluster({ dataDir, account, binaries, isFast }: ClusterOptions): Promise<void> {
  await removeDrafts(dataDir);
  const draft = path.join(dataDir, `postgres.new-${randomBytes(6).toString("hex")}`);
  const password = randomBytes(24).toString("base64url");
  await mkdir(draft, { mode: 0o700 });
  await give(account, draft);
  // initdb reads the password as the account, so it gets a file of its own, gone when it is done.
  const forInitdb = `${draft}.password`;
  await writePrivately(forInitdb, password, account);
  try {
    const auth = ["-U", superuser, "--auth=scram-sha-256", `--pwfile=${forInitdb}`];
    const locale = ["--encoding=UTF8", "--locale=C"];
    const args = ["-D", draft, ...auth, ...locale, ...(isFast ? ["--no-sync"] : [])];
    await run(binaries.initdb, args, { ...runningAs(account), timeout: 120_000 });
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    throw new AppError("STORE_UNAVAILABLE", `the database could not be created in ${dataDir}${whyOf(cause)}`, {
      cause,
    });
  } finally {
    await rm(forInitdb, { force: true });
  }
  await chmod(draft, 0o700);
  await writePrivately(`${draft}.kept`, password, account);
  await rename(`${draft}.kept`, passwordFile(dataDir));
  await rename(draft, pgDataOf(dataDir));
}

/** What initdb says is for the operator to act on: a full disk, or a user that the system does not know. */
function whyOf(cause: unknown): string {
  const { stderr } = cause as { stderr?: unknown };
  const [line] = typeof stderr === "string" ? stderr.trim().split("\n") : [];
  return line === undefined || line === "" ? "" : ` (${line})`;
}

async function removeDrafts(dataDir: string): Promise<void> {
  const drafts = (await readdir(dataDir)).filter((name) => name.startsWith("postgres.new-"));
  for (const name of drafts) await rm(path.join(dataDir, name), { recursive: true, force: true });
  // An empty folder may be a mount point or a leaving of somebody's; rename replaces it.
  const existing = await stat(pgDataOf(dataDir)).catch(() => undefined);
  if (existing !== undefined && (await readdir(pgDataOf(dataDir))).length > 0) {
    throw new AppError(
      "STORE_UNAVAILABLE",
      `${pgDataOf(dataDir)} is not empty and no database; remove it, or set FERMI_DATA_DIR to another folder`,
    );
  }
}

/** Nobody else can read the file at any moment: it is created with its mode and filled after it was given away. */
async function writePrivately(file: string, text: string, account: Account): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    if (account.uid !== undefined && account.gid !== undefined) await handle.chown(account.uid, account.gid);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function give({ uid, gid }: Account, folder: string): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(folder, uid, gid);
}
