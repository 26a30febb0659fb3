import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Whom the server runs as. Empty: as ourselves. */
export interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** What every process of ours that touches the server is given: nothing of the control plane's environment. */
export const plainEnvironment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

/** How to start a program as the account: from a folder that every account can be in. */
export const runningAs = (
  account: Account,
): { uid?: number; gid?: number; cwd: string; env: typeof plainEnvironment } => ({
  ...account,
  cwd: "/",
  env: plainEnvironment,
});

const nobody: Account = { uid: 65_534, gid: 65_534 };

/**
 * PostgreSQL refuses to run as root: root hands the server to the owner of the data there is, else to the system user
 * `postgres`, which is created where it is missing, else to nobody.
 */
export async function serverAccount(pgData: string): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  return (await ownerOf(pgData)) ?? (await systemUser()) ?? (await createSystemUser()) ?? nobody;
}

async function ownerOf(folder: string): Promise<Account | undefined> {
  const found = await stat(folder).catch(() => undefined);
  return found === undefined || found.uid === 0 ? undefined : { uid: found.uid, gid: found.gid };
}

async function systemUser(): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run("id", ["-u", "postgres"]), run("id", ["-g", "postgres"])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}

async function createSystemUser(): Promise<Account | undefined> {
  const useradd = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "postgres"];
  try {
    await run("useradd", useradd, { env: plainEnvironment });
  } catch {
    return undefined;
  }
  return systemUser();
}

/** Whether the account can get into the folder; the kernel is asked, so access lists and mounts count too. */
export async function canEnter(account: Account, folder: string): Promise<boolean> {
  try {
    await run("/bin/sh", ["-c", 'cd -- "$1"', "sh", folder], runningAs(account));
    return true;
  } catch {
    return false;
  }
}
