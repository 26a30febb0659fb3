/** The runtimes that come with Fermi, the images they stand for, and how each is started as a process. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { RuntimeContract } from "../../model/environment.js";
import { fermiImage } from "../../model/image-reference.js";
import { tryCommand, type ChildUser } from "./child-user.js";
import { heapMib } from "./memory-limit.js";

/** What a command is told about the instance that it starts. */
export interface RuntimeStart {
  readonly memoryLimitBytes: number;
  /** On which it is to listen; 0 where it chooses and says so itself. */
  readonly port: number;
  /** The folder in which it finds its function's code; for Fission's contracts alone. */
  readonly userfunc: string;
}

export interface Runtime {
  readonly image: string;
  readonly contracts: readonly RuntimeContract[];
  /** Program and arguments; for the contract FERMI the driver's own options come behind. */
  command(start: RuntimeStart): readonly [string, ...string[]];
}

/** A command that the operator wants run in place of an image. */
export interface MappedRuntime {
  readonly image: string;
  readonly contracts: readonly RuntimeContract[];
  /** With `{port}` and `{userfunc}` where these are to be. */
  readonly command: readonly [string, ...string[]];
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
    contracts: ["FERMI"],
    command: ({ memoryLimitBytes }) => [
      node,
      `--max-old-space-size=${heapMib(memoryLimitBytes)}`,
      path.join(dir, "nodejs", "server.js"),
    ],
  };
  if (python === undefined) return [nodejs];
  const command = (): [string, ...string[]] => [python, "-I", path.join(dir, "python", "server.py")];
  return [nodejs, { image: "fermi/python", contracts: ["FERMI"], command }];
}

export function mappedRuntime({ image, contracts, command: [program, ...args] }: MappedRuntime): Runtime {
  const command = ({ port, userfunc }: RuntimeStart): [string, ...string[]] => {
    const fill = (text: string): string => text.replaceAll("{port}", String(port)).replaceAll("{userfunc}", userfunc);
    return [fill(program), ...args.map(fill)];
  };
  return { image, contracts, command };
}

/**
 * The runtime that an image stands for: one that is mapped to just this image, or to it without its tag and digest, or
 * one of Fermi's own, whatever its registry.
 */
export function findRuntime(runtimes: readonly Runtime[], image: string): Runtime | undefined {
  const name = image.replace(/@.*$/, "").replace(/:[\w.-]+$/, "");
  for (const wanted of [image, name, fermiImage(image)]) {
    const found = runtimes.find((runtime) => runtime.image === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** One sentence where the image can't run as a process here. */
export function refuseImage(
  runtimes: readonly Runtime[],
  image: string,
  contract: RuntimeContract,
): string | undefined {
  const found = findRuntime(runtimes, image);
  if (found?.contracts.includes(contract) === true) return undefined;
  const known = runtimes.map((runtime) => `${runtime.image} (${runtime.contracts.join(", ")})`).join(", ");
  if (found !== undefined) {
    const spoken = found.contracts.join(" and ");
    return `Without Kubernetes this image speaks ${spoken}, and not ${contract}; there are: ${known}.`;
  }
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
