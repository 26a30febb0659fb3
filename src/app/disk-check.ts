/** Whether there is room for the database that this process keeps itself. Never rejects. */
import { statfs } from "node:fs/promises";
import type { Check } from "../model/check.js";

const mebibyte = 1024 * 1024;
/** Some segments of the database's log, without which it stands still. */
const leastFreeMib = 64;

export async function diskCheck(folder: string): Promise<Check> {
  const name = "disk";
  try {
    const { bavail, bsize } = await statfs(folder);
    const mib = Math.floor((bavail * bsize) / mebibyte);
    if (mib >= leastFreeMib) return { name, ok: true, message: `${mib} MiB are free in ${folder}.` };
    const state = mib === 0 ? "The disk is full" : `The disk is nearly full, with ${mib} MiB left`;
    return { name, ok: false, message: `${state}: make room in ${folder}, and all goes on by itself.` };
  } catch (error) {
    return { name, ok: false, message: `${folder} can't be looked at: ${(error as Error).message}.` };
  }
}
