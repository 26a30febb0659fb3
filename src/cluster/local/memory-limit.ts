import { readFile } from "node:fs/promises";

export const defaultMemoryLimit = "512Mi";

const mebibyte = 1024 * 1024;
const factors: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: mebibyte,
  Gi: 1024 * mebibyte,
  Ti: 1024 * 1024 * mebibyte,
};

/** Bytes of a Kubernetes quantity such as `512Mi`; undefined where it is none. */
export function parseQuantity(text: string): number | undefined {
  const [, digits, suffix] = /^(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = suffix === undefined ? undefined : factors[suffix];
  return factor === undefined ? undefined : Number(digits) * factor;
}

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
