/** The real cluster, through kubectl: that of KUBECONFIG, or none. */
import { spawn, spawnSync } from "node:child_process";
import path from "node:path";
import { repository } from "../../support/harness.js";
import { describeUnless } from "../../support/unless.js";

interface KubectlOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Another than that of the tests. */
  readonly program?: string;
}

const works = (program: string): boolean => spawnSync(program, ["version", "--client"]).status === 0;

export const kubectlProgram = process.env["KUBECTL"] ?? "kubectl";

/** Every kubectl of the search path, so that old and new are tried where there are two. */
export const kubectlPrograms: readonly string[] = [...new Set([kubectlProgram, ...found()])];

function found(): string[] {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => path.join(folder, "kubectl")).filter(works);
}

/** Resolves with what it printed; rejects with what it complained of. */
export function kubectl(
  args: readonly string[],
  { input, timeoutMs = 60_000, program = kubectlProgram }: KubectlOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: repository, timeout: timeoutMs, stdio: ["pipe", "pipe", "pipe"] });
    let [out, complaints] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(out);
      else reject(new Error(`kubectl ${args.join(" ")} ended with ${code ?? "a signal"}: ${complaints || out}`));
    });
    child.stdin.end(input ?? "");
  });
}

export async function kubectlJson<T>(args: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl([...args, "--output=json"])) as T;
}

/** Undefined where there is a cluster. */
function whyNoCluster(): string | undefined {
  if (!works(kubectlProgram)) return "there is no kubectl";
  if (process.env["KUBECONFIG"] === undefined) return "KUBECONFIG names no cluster";
  const { status, stderr } = spawnSync(kubectlProgram, ["version", "--request-timeout=5s"]);
  return status === 0 ? undefined : `the cluster of KUBECONFIG does not answer: ${String(stderr).trim()}`;
}

export const describeOnCluster = describeUnless(whyNoCluster());
