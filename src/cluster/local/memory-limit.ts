import { readFile } from "node:fs/promises";

export const defaultMemoryLimit = "512Mi";

/** Beyond that it is not worth the time. */
const maxFamily = 256;
const mebibyte = 1024 * 1024;
/** What of an instance's memory its JavaScript heap may take; the rest is buffers, code and the engine itself. */
export const heapMib = (limitBytes: number): number => Math.max(16, Math.floor((limitBytes / mebibyte) * 0.75));

/** The physical memory a process has, in bytes; undefined where that can't be told (any more). */
export const residentBytes = (pid: number): Promise<number | undefined> => bytesIn(`/proc/${pid}/status`, "VmRSS");

/** The same, but of what it shares with other processes only its part. */
export const proportionalBytes = (pid: number): Promise<number | undefined> =>
  bytesIn(`/proc/${pid}/smaps_rollup`, "Pss");

async function bytesIn(file: string, name: string): Promise<number | undefined> {
  const text = await readFile(file, "latin1").catch(() => "");
  const [, kibibytes] = new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(text) ?? [];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** What a process has started, and what that has: while the starter lives, and where its first thread did it. */
export async function descendantsOf(pid: number): Promise<readonly number[]> {
  const family = [pid];
  for (const member of family) {
    if (family.length > maxFamily) break;
    const children = await readFile(`/proc/${member}/task/${member}/children`, "latin1").catch(() => "");
    family.push(...(children.match(/\d+/g) ?? []).map(Number));
  }
  return family.slice(1);
}
