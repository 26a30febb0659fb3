import { stat } from "node:fs/promises";
import path from "node:path";
import { canEnter, serverAccount } from "./postgres-account.js";
import { pgDataOf } from "./postgres-cluster.js";

export interface DataDir {
  readonly dir: string;
  /** Why it is not the folder that was asked for, for people; null where it is. */
  readonly movedBecause: string | null;
}

const systemDataDir = "/var/lib/fermi";

/** The folder for the embedded database: the given one, unless the database's user can't get there. */
export async function chooseDataDir(given: string): Promise<DataDir> {
  const wanted = path.resolve(given);
  const account = await serverAccount(pgDataOf(wanted));
  const folder = await nearestFolder(wanted);
  if (account.uid === undefined || folder === undefined || (await canEnter(account, folder))) {
    return { dir: wanted, movedBecause: null };
  }
  const movedBecause = `the database does not run as root, and its user can't get into ${wanted}`;
  return { dir: systemDataDir, movedBecause };
}

/** Undefined where something else is in the way: that is no matter of permissions, and no reason to go elsewhere. */
async function nearestFolder(folder: string): Promise<string | undefined> {
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined) return found.isDirectory() ? folder : undefined;
  return folder === path.dirname(folder) ? folder : nearestFolder(path.dirname(folder));
}
