import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { kubeconfig } from "./test-cluster.js";

const dist = new URL("../../../dist/", import.meta.url);

/** Says at each beat whether it holds the lease, and what happens in between. */
const script = `
import { KubeApi } from "${dist.href}cluster/kubernetes/kube-api.js";
import { KubeLease } from "${dist.href}cluster/kubernetes/kube-lease.js";
import { systemClock } from "${dist.href}lib/clock.js";
import { silentLogger } from "${dist.href}lib/logger.js";
const [kubeconfig, namespace, identity] = process.argv.slice(1);
const api = KubeApi.connect({ kubeconfig: [kubeconfig], clock: systemClock });
const lease = new KubeLease({ api, clock: systemClock, logger: silentLogger, namespace, name: "leader", identity });
const say = (text) => process.stdout.write(text + "\\n");
lease.start(async (signal) => {
  say("won");
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  say("lost");
});
setInterval(() => say(lease.isHeld ? "holds" : "waits"), 100);
process.on("SIGTERM", () => lease.stop().then(() => process.exit()));
`;

/** A process of its own that competes for the lease `leader` of a namespace. */
export class Contender {
  readonly #process: ChildProcess;
  /** What it says next. */
  onLine: (line: string) => void = () => {};

  constructor(namespace: string, identity: string) {
    const args = ["--input-type=module", "-e", script, kubeconfig, namespace, identity];
    this.#process = spawn(process.execPath, args, {
      cwd: fileURLToPath(dist),
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface(this.#process.stdout!).on("line", (line) => this.onLine(line));
    process.once("exit", () => this.signal("SIGKILL"));
  }

  /** Resolves when it says so, with how many milliseconds that took. */
  says(text: string): Promise<number> {
    const beganMs = performance.now();
    return new Promise((resolve) => {
      this.onLine = (line) => {
        if (line === text) resolve(performance.now() - beganMs);
      };
    });
  }

  /** What it says from now on, until `last`. */
  until(last: string): Promise<string[]> {
    const lines: string[] = [];
    return new Promise((resolve) => {
      this.onLine = (line) => {
        lines.push(line);
        if (line === last) resolve(lines);
      };
    });
  }

  signal(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(signal);
  }
}
