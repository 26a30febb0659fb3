/** Where processes of workers come from: some are begun early, and load their code while the store is being started. */
import { fork, type ChildProcess } from "node:child_process";
import path from "node:path";

const program = path.join(import.meta.dirname, "router-worker.js");

export class WorkerForks {
  readonly #early: ChildProcess[] = [];

  /** Begins processes that wait for what they have to know. */
  begin(count: number): void {
    for (let at = 0; at < count; at++) this.#early.push(forked());
  }

  /** One that was begun early and lives, or else a new one. */
  take(): ChildProcess {
    const next = this.#early.shift();
    if (next === undefined) return forked();
    const isAlive = next.pid !== undefined && next.exitCode === null && next.signalCode === null;
    return isAlive ? next : this.take();
  }

  /** Ends those that nobody took. */
  stop(): void {
    for (const child of this.#early.splice(0)) child.kill("SIGKILL");
  }
}

function forked(): ChildProcess {
  const child = fork(program, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  // One that could not be begun may have nobody yet who listens; it has no pid.
  child.on("error", () => {});
  return child;
}
