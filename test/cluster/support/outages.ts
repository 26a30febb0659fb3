/** Taking a part away for a while, and giving it back whatever happens in between. */
import { readdir, readFile } from "node:fs/promises";
import { kubectl } from "./kubectl.js";

/** Of a Deployment or StatefulSet; resolves when no pod of it is left, or all are ready again. */
export async function scale(what: string, replicas: number): Promise<void> {
  await kubectl(["scale", what, `--replicas=${replicas}`, "--namespace=fermi"]);
  if (replicas > 0) {
    await kubectl(["rollout", "status", what, "--namespace=fermi", "--timeout=120s"], { timeoutMs: 130_000 });
    return;
  }
  const component = what.replace(/^.*fermi-/, "");
  const selector =
    component === "postgres" ? "app.kubernetes.io/name=fermi-postgres" : `app.kubernetes.io/component=${component}`;
  await kubectl(["wait", "--for=delete", "pod", `--selector=${selector}`, "--namespace=fermi", "--timeout=90s"], {
    timeoutMs: 100_000,
  });
}

/** Processes of this machine of which `file` in /proc says so. */
async function processes(file: "cmdline" | "environ", says: (text: string) => boolean): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const text = await readFile(`/proc/${entry}/${file}`, "utf8").catch(() => "");
    if (says(text)) found.push(Number(entry));
  }
  return found;
}

/** The API server stands still while `work` goes on: it keeps its connections and answers nothing. */
export async function withoutKubernetesApi<T>(work: () => Promise<T>): Promise<T> {
  return standingStill(await processes("cmdline", (text) => /(^|\/|\0)kube-apiserver\0/.test(text)), work);
}

/** All processes of the pod stand still while `work` goes on. */
export async function withPodStopped<T>(pod: string, work: () => Promise<T>): Promise<T> {
  return standingStill(await processes("environ", (text) => text.split("\0").includes(`HOSTNAME=${pod}`)), work);
}

async function standingStill<T>(processes: readonly number[], work: () => Promise<T>): Promise<T> {
  if (processes.length === 0) throw new Error("what is to stand still does not run on this machine");
  const signal = (name: NodeJS.Signals): void => processes.forEach((pid) => process.kill(pid, name));
  const resume = (): void => signal("SIGCONT");
  process.once("exit", resume);
  signal("SIGSTOP");
  try {
    return await work();
  } finally {
    resume();
    process.removeListener("exit", resume);
  }
}
