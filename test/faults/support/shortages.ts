/** What there is little of, for one process and those that it starts. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { describeUnless } from "../../support/unless.js";

/** A launcher of a process that may have so many descriptors open. */
export const withFiles = (most: number): string[] => ["/bin/sh", "-c", `ulimit -n ${most}; exec "$@"`, "sh"];

/** From now on, of a process that runs; those that are open stay so. Linux alone can do that. */
export const allowFiles = (pid: number, most: number): void =>
  void execFileSync("prlimit", [`--pid=${pid}`, `--nofile=${most}:`]);

export const filesOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** In a user's own namespace also who is not root may mount. */
const apart = process.getuid?.() === 0 ? ["--mount"] : ["--user", "--map-current-user", "--keep-caps", "--mount"];

/** A launcher of a process that alone sees a small disk of its own in the folder; its log is `log` there. */
export const withDisk = (folder: string, mebibytes: number): string[] => {
  const mount = `mount -t tmpfs -o size=${mebibytes}m,mode=755 tmpfs "$0" && exec "$@" 2>> "$0/log"`;
  return ["unshare", ...apart, "/bin/sh", "-c", mount, folder];
};

const hasDisks = spawnSync("unshare", [...withDisk("/mnt", 1).slice(1), "true"]).status === 0;
export const describeWithDisks = describeUnless(hasDisks ? undefined : "nothing can be mounted here (unshare --mount)");

/** A disk as the process sees it. */
export class Disk {
  constructor(
    private readonly pid: number,
    private readonly folder: string,
  ) {}

  path(name: string): string {
    return `/proc/${this.pid}/root${this.folder}/${name}`;
  }

  fill(): void {
    const file = openSync(this.path("filling"), "a");
    const some = Buffer.alloc(64 * 1024);
    try {
      for (;;) writeSync(file, some);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    } finally {
      closeSync(file);
    }
  }

  makeRoom(): void {
    rmSync(this.path("filling"));
  }
}
