import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Stoppable } from "../../lib/stoppable.js";

/**
 * Reads `+ pid` and `- pid`; when its stdin ends, because this process did however that happened, it kills the process
 * group of each pid it still has, then whatever else belongs to the instances' folder ($1), as killStrays has it.
 */
const script = `
trap '' HUP INT TERM
dir=$1
pids=' '
while read -r sign pid; do
  case $sign in
    +) pids="$pids$pid " ;;
    -) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -9 -- "-$pid"; done
for round in 1 2 3; do
  for file in $(grep -l -F "HOME=$dir/" /proc/[0-9]*/environ); do
    file=\${file#/proc/}
    kill -9 "\${file%/environ}"
  done
  for proc in /proc/[0-9]*; do
    case $(readlink "$proc/cwd") in "$dir"/*)
      read -r stat <"$proc/stat"
      set -- \${stat##*") "}
      [ "$5" = 0 ] && kill -9 "\${proc#/proc/}"
    esac
  done
done
`;

/** A shell that outlives this process by a moment and takes the instances with it, also after a kill -9. */
export class Reaper implements Stoppable {
  readonly #pids = new Set<number>();
  #shell: ChildProcess | undefined;

  constructor(private readonly options: { readonly path: string; readonly instancesDir: string }) {}

  start(): void {
    const { path, instancesDir } = this.options;
    // In a session of its own, so that a Ctrl-C or a kill of this process's group does not end it first.
    const shell = spawn("/bin/sh", ["-c", script, "fermi-reaper", instancesDir], {
      detached: true,
      env: { PATH: path },
      cwd: "/",
      stdio: ["pipe", "ignore", "ignore"],
    });
    shell.on("error", () => {});
    shell.stdin.on("error", () => {});
    shell.unref();
    (shell.stdin as Socket).unref();
    // By somebody, or by the kernel for want of memory. One that can't run at all ends otherwise.
    shell.once("exit", (_code, signal) => {
      if (signal !== null && this.#shell === shell) this.start();
    });
    this.#shell = shell;
    for (const pid of this.#pids) this.#tell(`+ ${pid}`);
  }

  /** From now on the process group dies with this process. */
  add(pid: number): void {
    this.#pids.add(pid);
    this.#tell(`+ ${pid}`);
  }

  remove(pid: number): void {
    this.#pids.delete(pid);
    this.#tell(`- ${pid}`);
  }

  async stop(): Promise<void> {
    const shell = this.#shell;
    this.#shell = undefined;
    if (shell?.pid === undefined || shell.exitCode !== null || shell.signalCode !== null) return;
    const ended = new Promise((resolve) => shell.once("exit", resolve));
    shell.ref();
    shell.stdin?.end();
    await ended;
  }

  #tell(line: string): void {
    this.#shell?.stdin?.write(`${line}\n`);
  }
}
