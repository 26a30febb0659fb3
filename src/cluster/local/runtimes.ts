/** The runtimes that come with Fermi, the images they stand for, and how each is started as a process. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { RuntimeContract } from "../../model/environment.js";
import { fermiImage } from "../../model/image-reference.js";
import { tryCommand, type ChildUser } from "./child-user.js";
import { heapMib } from "./memory-limit.js";

export interface Runtime {
  readonly image: string;
  /** Program and arguments; the driver's own options come behind. */
  command(memoryLimitBytes: number): readonly [string, ...string[]];
}

export interface RuntimePrograms {
  /** The folder `environments`. */
  readonly dir: string;
  readonly node: string;
  /** Undefined where there is none. */
  readonly python: string | undefined;
}

export function localRuntimes({ dir, node, python }: RuntimePrograms): readonly Runtime[] {
  const nodejs: Runtime = {
    image: "fermi/nodejs",
    command: (limit) => [node, `--max-old-space-size=${heapMib(limit)}`, path.join(dir, "nodejs", "server.js")],
  };
  if (python === undefined) return [nodejs];
  return [nodejs, { image: "fermi/python", command: () => [python, "-I", path.join(dir, "python", "server.py")] }];
}

/** The runtime that an image stands for, whatever its registry, tag or digest. */
export function findRuntime(runtimes: readonly Runtime[], image: string): Runtime | undefined {
  const name = fermiImage(image);
  return runtimes.find((runtime) => runtime.image === name);
}

/** One sentence where the image can't run as a process here. */
export function refuseImage(
  runtimes: readonly Runtime[],
  image: string,
  contract: RuntimeContract,
): string | undefined {
  const known = runtimes.map((runtime) => runtime.image).join(", ");
  if (contract !== "FERMI") {
    return `Without Kubernetes only the contract FERMI is there, with one of these images: ${known}.`;
  }
  if (findRuntime(runtimes, image) !== undefined) return undefined;
  return `Without Kubernetes there is no runtime for this image; there are: ${known}.`;
}

/** The first Python 3.8 or later on PATH that the user can run, by its real path: a version manager's shims are slow. */
export async function findPython(searchPath: string, user: ChildUser | null): Promise<string | undefined> {
  const script = "import sys; print(sys.executable if sys.version_info >= (3, 8) else '')";
  for (const folder of searchPath.split(path.delimiter)) {
    const candidate = path.join(folder, "python3");
    if (!path.isAbsolute(folder) || !existsSync(candidate)) continue;
    const found = await tryCommand(candidate, ["-I", "-c", script], user);
    if (found !== undefined && found !== "") return found;
  }
  return undefined;
}
