import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { newId } from "../lib/new-id.js";
import type { CodePlan } from "./plan-code.js";

/** Others read it: the image's server may be another user. */
const fileMode = 0o644;
const folderMode = 0o755;

/**
 * Writes the source where the plan says, whole or not at all: under a name of its own first, which is then changed. The
 * folder is not to be open to anybody who may do less than this process, and could put links in the way of the draft.
 */
export async function placeCode(folder: string, { name, files }: CodePlan, source: string): Promise<void> {
  const draft = path.join(folder, `.fermi-${newId()}`);
  try {
    if (files === null) await writeNew(draft, source);
    else await writeAll(draft, files, source);
    await rename(draft, path.join(folder, name));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

async function writeAll(draft: string, files: readonly string[], source: string): Promise<void> {
  await makeFolder(draft);
  for (const file of files) {
    const parents = file.split("/").slice(0, -1);
    for (const depth of parents.keys()) await makeFolder(path.join(draft, ...parents.slice(0, depth + 1)));
    await writeNew(path.join(draft, file), source);
  }
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  // Whatever this process's umask takes away.
  await chmod(folder, folderMode);
}

/** Fails where something is there already, a link too. */
async function writeNew(file: string, source: string): Promise<void> {
  await writeFile(file, source, { flag: "wx", mode: fileMode });
  await chmod(file, fileMode);
}
