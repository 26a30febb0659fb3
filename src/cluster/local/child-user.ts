import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import path from "node:path";

/** Whom instances run as, where this process is root. */
export interface ChildUser {
  readonly uid: number;
  readonly gid: number;
}

export const nobody: ChildUser = { uid: 65_534, gid: 65_534 };

/** Whether a user who owns nothing can read the file, or look into the folder. */
export function isOpenToAll(file: string): boolean {
  try {
    const found = statSync(file);
    const isReadable = (found.mode & (found.isDirectory() ? 0o001 : 0o004)) !== 0;
    const parent = path.dirname(file);
    return isReadable && (parent === file || isOpenToAll(parent));
  } catch {
    return false;
  }
}

/** What the command prints when run as the user, or undefined where it can't be run. */
export function tryCommand(file: string, args: readonly string[], user: ChildUser | null): Promise<string | undefined> {
  const options = { timeout: 20_000, cwd: "/", env: {}, ...(user ?? {}) };
  return new Promise((resolve) => {
    execFile(file, args, options, (error, output) => resolve(error === null ? output.trim() : undefined));
  });
}
