import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const patienceMs = 15_000;
const periodMs = 20;

/** The command lines of all processes whose HOME lies in the folder, or who work there. */
export function processesIn(folder: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter(
      (pid) =>
        read(`/proc/${pid}/environ`)
          .split("\0")
          .some((variable) => variable.startsWith(`HOME=${folder}/`)) ||
        read(`/proc/${pid}/cwd`, readlinkSync).startsWith(`${folder}/`),
    )
    .map((pid) => read(`/proc/${pid}/cmdline`).replaceAll("\0", " "))
    .filter((command) => command !== "");
}

function read(file: string, how: (file: string, encoding: "latin1") => string = readFileSync): string {
  try {
    return how(file, "latin1");
  } catch {
    return "";
  }
}

/** Looks again and again at what says nothing by itself. */
export async function eventually(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, periodMs));
  }
}
