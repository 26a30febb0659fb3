/** File descriptors: how many this process may have, how many it has, and how it is told that there is none left. */
import { readdirSync, readFileSync } from "node:fs";

/** In one process: Node has raised its soft limit to the hard one by then. Infinity where the system does not say. */
export function openFilesLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}

/** Undefined where they can't be counted: for want of a descriptor to count them with, or because the system does not say. */
export function openFiles(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}

const advice: ReadonlyMap<unknown, string> = new Map([
  ["EMFILE", "this process has no file descriptor left; raise `ulimit -n`"],
  ["ENFILE", "this machine has no file descriptor left; raise the system's limit of open files"],
]);

/** What is wrong and what to do, where an error or what caused it is that there was no descriptor; else undefined. */
export function outOfFiles(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return advice.get((error as NodeJS.ErrnoException).code) ?? outOfFiles(error.cause);
}
