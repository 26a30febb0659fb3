import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Stoppable } from "../../lib/stoppable.js";

/**
 * Reads `+ pid` and `- pid`; when its stdin ends, because this process did however that happened, it kills the process
 * group of each pid it still has, then whatever lives in the instances' folder ($1) elsewhere.
 */
const script = `
trap '' HUP INT TERM
pids=' '
while read -r sign pid; do
  case $sign in
    +) pids="$pids$pid " ;;
    -) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -9 -- "-$pid"; done
for round in 1 2 3; do
  for file in $(grep -l -F "HOME=$1/" /proc/[0-9]*/environ); do
    file=\${file#/proc/}
    kill -9 "\${file%/environ}"
  done
done
`;

/** A shell that outlives this process by a moment and takes the instances with it, also after a kill -9. */
export class Reaper implements Stoppable {
  #shell: ChildProcess | undefined;

  constructor(private readonly options: { readonly path: string; readonly instancesDir: string }) {}

  start(): void {
    const { path, instancesDir } = this.options;
    // In a session of its own, so that a Ctrl-C or a kill of this process's group does not end it first.
    this.#shell = spawn("/bin/sh", ["-c", script, "fermi-reaper", instancesDir], {
      detached: true,
      env: { PATH: path },
      cwd: "/",
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#shell.on("error", () => {});
    this.#shell.stdin?.on("error", () => {});
    this.#shell.unref();
    (this.#shell.stdin as Socket | null)?.unref();
  }

  /** From now on the process group dies with this process. */
  add(pid: number): void {
    this.#shell?.stdin?.write(`+ ${pid}\n`);
  }

  remove(pid: number): void {
    this.#shell?.stdin?.write(`- ${pid}\n`);
  }

  async stop(): Promise<void> {
    const shell = this.#shell;
    this.#shell = undefined;
    if (shell === undefined || shell.exitCode !== null || shell.pid === undefined) return;
    const ended = new Promise((resolve) => shell.once("exit", resolve));
    shell.ref();
    shell.stdin?.end();
    await ended;
  }
}
