import { execFile } from "node:child_process";
import { chmod, chown, mkdir, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import type { ChildUser } from "./child-user.js";

/** Opens first what the instance has closed to itself. Of links, `chmod -R` follows only one that it is given itself. */
const removal = `[ -L "$1" ] || chmod -R u+rwx -- "$1"; rm -rf -- "$1"`;
const removalTimeoutMs = 20_000;

/**
 * What one instance has on the disk. Where Fermi is root and the instance is not, root does nothing below a folder that
 * instances may change: a link that they put there in the right moment would lead it anywhere. So the home, which is the
 * instance's own, is emptied with the instance's rights, and its code lies where it can read but not change it.
 */
export class InstanceFolder {
  /** For its files; nobody else sees them. */
  readonly home: string;
  /** For the code of an image of Fission's contracts. */
  readonly userfunc: string;

  constructor(
    readonly root: string,
    private readonly tools: { readonly user: ChildUser | null; readonly path: string },
  ) {
    this.home = path.join(root, "home");
    this.userfunc = path.join(root, "userfunc");
  }

  async make(): Promise<void> {
    const { user } = this.tools;
    await makeFolder(this.root, 0o711);
    await makeFolder(this.home, 0o700);
    if (user !== null) await chown(this.home, user.uid, user.gid);
  }

  async makeUserfunc(): Promise<void> {
    const { user } = this.tools;
    await makeFolder(this.userfunc, 0o750);
    if (user !== null) await chown(this.userfunc, 0, user.gid);
  }

  /** As far as the instance's rights go; what is left then is tried again at the next start. */
  async remove(): Promise<void> {
    const { user } = this.tools;
    // What the instance could change: all, where it is the same user as this process.
    const own = user === null ? this.root : this.home;
    // Most homes are empty, and this is enough.
    await removeEmpty(this.home);
    if (!(await removeEmpty(own))) await this.#removeAsInstance(own);
    if (await removeEmpty(own)) await rm(this.root, { recursive: true, force: true, maxRetries: 3 });
  }

  /** All but the home itself, where that lies in a folder of root's. */
  async #removeAsInstance(folder: string): Promise<void> {
    const { user, path } = this.tools;
    const options = { ...user, cwd: "/", env: { PATH: path }, timeout: removalTimeoutMs };
    await new Promise((resolve) => execFile("/bin/sh", ["-c", removal, "fermi-removal", folder], options, resolve));
  }
}

/** In this mode, whatever this process's umask takes away. */
async function makeFolder(folder: string, mode: number): Promise<void> {
  await mkdir(folder);
  await chmod(folder, mode);
}

/** Whether the folder is gone: it is removed where it is empty. */
const removeEmpty = (folder: string): Promise<boolean> =>
  rmdir(folder).then(
    () => true,
    (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOENT",
  );
