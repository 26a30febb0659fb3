import { readdir, readFile } from "node:fs/promises";

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
  const [, kibibytes] = new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(await textOf(file)) ?? [];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** These processes, what they have started, and what that has, while the starter lives. */
export async function withDescendants(pids: readonly number[]): Promise<ReadonlySet<number>> {
  const family = new Set(pids);
  for (const member of family) {
    if (family.size > maxFamily) break;
    const threads = await readdir(`/proc/${member}/task`).catch(() => []);
    const children = await Promise.all(threads.map((thread) => textOf(`/proc/${member}/task/${thread}/children`)));
    for (const child of children.join(" ").match(/\d+/g) ?? []) family.add(Number(child));
  }
  return family;
}

/** Empty where it can't be read (any more). */
const textOf = (file: string): Promise<string> => readFile(file, "latin1").catch(() => "");
