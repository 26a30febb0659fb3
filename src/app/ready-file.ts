/** The file by which others learn that the server is ready, and where: whole whenever it is there. */
import { access, constants, lstat, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

/** The message is for a person. */
export class ReadyFileProblem extends Error {
  constructor(file: string, cause: unknown) {
    super(`${file} (FERMI_READY_FILE) can't be written: ${(cause as Error).message}`, { cause });
    this.name = "ReadyFileProblem";
  }
}

export class ReadyFile {
  #isOurs = false;

  /** Null: there is to be none. */
  constructor(private readonly file: string | null) {}

  /** Rejects where none can be written. Leaves what is there: it may be of a server that runs. */
  check(): Promise<void> {
    return this.#attempt(async (file) => {
      await refuseOthers(file);
      await access(path.dirname(file), constants.W_OK | constants.X_OK);
    });
  }

  /** Takes away what an earlier run has left, which would lead to ports of nobody. For who knows that no other server runs. */
  clear(): Promise<void> {
    return this.#attempt(async (file) => {
      await refuseOthers(file);
      await rm(file, { force: true });
      this.#isOurs = true;
    });
  }

  write(addresses: object): Promise<void> {
    return this.#attempt(async (file) => {
      const draft = `${file}.${process.pid}`;
      await writeFile(draft, JSON.stringify(addresses));
      await rename(draft, file);
    });
  }

  /** Leaves what was never this server's to take. */
  remove(): Promise<void> {
    return this.#attempt(async (file) => {
      if (this.#isOurs) await rm(file, { force: true });
    });
  }

  async #attempt(work: (file: string) => Promise<void>): Promise<void> {
    if (this.file === null) return;
    try {
      await work(this.file);
    } catch (error) {
      throw new ReadyFileProblem(this.file, error);
    }
  }
}

/** Whatever is no regular file, /dev/null say, is somebody else's, and would be removed and replaced. */
async function refuseOthers(file: string): Promise<void> {
  const found = await lstat(file).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined || found.isFile()) return;
  if (found.isDirectory()) throw new Error("it is a folder");
  throw new Error(found.isSymbolicLink() ? "it is a symbolic link" : "it is a device, a pipe or a socket, and no file");
}
