/** The file by which others learn that the server is ready, and where: whole whenever it is there. */
import { access, constants, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

/** The message is for a person. */
export class ReadyFileProblem extends Error {
  constructor(file: string, cause: unknown) {
    super(`${file} (FERMI_READY_FILE) can't be written: ${(cause as Error).message}`, { cause });
    this.name = "ReadyFileProblem";
  }
}

export class ReadyFile {
  /** Null: there is to be none. */
  constructor(private readonly file: string | null) {}

  /** Takes away what an earlier run has left, which would lead to ports of nobody. Rejects where none can be written. */
  prepare(): Promise<void> {
    return this.#attempt(async (file) => {
      await access(path.dirname(file), constants.W_OK | constants.X_OK);
      await rm(file, { force: true });
    });
  }

  write(addresses: object): Promise<void> {
    return this.#attempt(async (file) => {
      const draft = `${file}.${process.pid}`;
      await writeFile(draft, JSON.stringify(addresses));
      await rename(draft, file);
    });
  }

  remove(): Promise<void> {
    return this.#attempt((file) => rm(file, { force: true }));
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
