/** Where instances live on this machine, and as whom: found out once, before the first is started. */
import { chmod, cp, lstat, mkdir, readdir, rm } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { AppError } from "../../errors/app-error.js";
import { isOpenToAll, nobody, tryCommand, type ChildUser } from "./child-user.js";
import type { ImageCheck } from "../cluster-driver.js";
import { InstanceFolder } from "./instance-folder.js";
import { findPython, localRuntimes, mappedRuntime, refuseImage, type MappedRuntime, type Runtime } from "./runtimes.js";
import { killStrays } from "./strays.js";

export interface WorkplaceOptions {
  readonly dataDir: string;
  /** The folder `environments` of the installation. */
  readonly runtimesDir: string;
  readonly path: string;
  readonly node: string;
  /** Undefined: the first on PATH. */
  readonly python?: string;
  /** What the operator has mapped; before Fermi's own. */
  readonly mapped?: readonly MappedRuntime[];
}

export interface Workplace {
  readonly instancesDir: string;
  readonly runtimes: readonly Runtime[];
  readonly user: ChildUser | null;
  /** A folder of this driver alone that is to go when it stops, because it is no part of the data folder; else null. */
  readonly temporaryDir: string | null;
  /** What the operator should know, in words; null where all is well. */
  readonly warning: string | null;
}

export interface LocalImages extends ImageCheck {
  readonly images: readonly string[];
}

/** Makes the folders, kills what an earlier process has left behind, and finds the runtimes. */
export async function prepareWorkplace(options: WorkplaceOptions): Promise<Workplace> {
  const user = await chooseUser(options.node);
  const instancesDir = await makeInstancesDir(options.dataDir, user);
  await killStrays(instancesDir);
  const left = (await readdir(instancesDir)).map((name) => path.join(instancesDir, name));
  await Promise.all(left.map((folder) => new InstanceFolder(folder, { user, path: options.path }).remove()));
  const dir = await readableRuntimes(options.runtimesDir, path.join(path.dirname(instancesDir), "runtimes"), user);
  const runtimes = await findRuntimes({ ...options, runtimesDir: dir }, user);
  const warning =
    user === null && isRoot() ? `functions run as root, because no other user can run ${options.node}` : null;
  const isElsewhere = path.relative(options.dataDir, instancesDir) !== "instances";
  return { instancesDir, runtimes, user, temporaryDir: isElsewhere ? path.dirname(instancesDir) : null, warning };
}

type Programs = Pick<WorkplaceOptions, "runtimesDir" | "path" | "node" | "python" | "mapped">;

async function findRuntimes(options: Programs, user: ChildUser | null): Promise<readonly Runtime[]> {
  const python = options.python ?? (await findPython(options.path, user));
  const mapped = (options.mapped ?? []).map(mappedRuntime);
  return [...mapped, ...localRuntimes({ dir: options.runtimesDir, node: options.node, python })];
}

/** What can run on this machine, for a process that runs none of it itself. */
export async function findLocalImages(options: Programs): Promise<LocalImages> {
  const runtimes = await findRuntimes(options, await chooseUser(options.node));
  return {
    images: runtimes.map(({ image }) => image),
    refuseImage: (image, contract) => refuseImage(runtimes, image, contract),
  };
}

const isRoot = (): boolean => process.getuid?.() === 0;

async function chooseUser(node: string): Promise<ChildUser | null> {
  if (!isRoot()) return null;
  return (await tryCommand(node, ["--version"], nobody)) === undefined ? null : nobody;
}

/** `<dataDir>/instances`; where the instances' user can't get there, a folder of the same purpose among the temporary ones. */
async function makeInstancesDir(dataDir: string, user: ChildUser | null): Promise<string> {
  const wanted = path.join(path.resolve(dataDir), "instances");
  await makeFolder(wanted);
  if (user === null || isOpenToAll(wanted)) return wanted;
  const name = `fermi-${createHash("sha256").update(wanted).digest("hex").slice(0, 12)}`;
  const elsewhere = path.join(tmpdir(), name, "instances");
  await makeFolder(path.dirname(elsewhere));
  await makeFolder(elsewhere);
  return elsewhere;
}

/** A folder that others can pass through but not list; refuses one that somebody else has put there. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const found = await lstat(folder);
  if (!found.isDirectory() || (process.getuid !== undefined && found.uid !== process.getuid())) {
    throw new AppError("INTERNAL", `${folder} is not a folder of this user`);
  }
  await chmod(folder, 0o711);
}

async function readableRuntimes(from: string, to: string, user: ChildUser | null): Promise<string> {
  if (user === null || (isOpenToAll(from) && isOpenToAll(path.join(from, "nodejs", "server.js")))) return from;
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true });
  await openToAll(to);
  return to;
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    await (entry.isDirectory() ? openToAll(file) : chmod(file, 0o644));
  }
}
