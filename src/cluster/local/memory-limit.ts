import { readFile } from "node:fs/promises";

export const defaultMemoryLimit = "512Mi";

const mebibyte = 1024 * 1024;
/** What of an instance's memory its JavaScript heap may take; the rest is buffers, code and the engine itself. */
export const heapMib = (limitBytes: number): number => Math.max(16, Math.floor((limitBytes / mebibyte) * 0.75));

/** The physical memory a process has, in bytes; undefined where that can't be told (any more). */
export async function residentBytes(pid: number): Promise<number | undefined> {
  try {
    const [, kibibytes] = /^VmRSS:\s*(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "latin1")) ?? [];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}
