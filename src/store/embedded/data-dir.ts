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
  if (account.uid === undefined || (await canEnter(account, await nearestExisting(wanted)))) {
    return { dir: wanted, movedBecause: null };
  }
  const movedBecause = `the database does not run as root, and its user can't get into ${wanted}`;
  return { dir: systemDataDir, movedBecause };
}

async function nearestExisting(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined);
  return found !== undefined || folder === path.dirname(folder) ? folder : nearestExisting(path.dirname(folder));
}
