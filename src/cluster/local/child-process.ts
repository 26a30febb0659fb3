import { spawn, type ChildProcess as Process } from "node:child_process";
import { Readable } from "node:stream";
import { outOfFiles } from "../../lib/open-files.js";
import type { ChildUser } from "./child-user.js";

export interface ChildOptions {
  readonly command: readonly [string, ...string[]];
  /** Its working folder too. */
  readonly home: string;
  readonly path: string;
  readonly lang: string;
  readonly user: ChildUser | null;
  /** 0: the runtime chooses its port and says it, as the contract FERMI has it. Else it was told, and says nothing. */
  readonly listensOn: number;
  readonly variables?: Readonly<Record<string, string>>;
}

/** Asks the runtime to say its port on the fourth pipe, and to end when the first is closed. */
const runtimeOptions = ["--ready-fd", "3", "--exit-with-stdin"];

/** Where there is no descriptor for its pipes, there are none. */
type Spawned = Omit<Process, "stdio"> & { readonly stdio?: Process["stdio"] };

/** A runtime as a process in a group of its own, with nothing of this process's environment. */
export class ChildProcess {
  readonly #process: Spawned;
  #spawnError: Error | undefined;
  /** The port on which it listens; rejects where it ends before it says so. */
  readonly port: Promise<number>;
  /** How the process ended, in words. */
  readonly exited: Promise<string>;

  constructor({ command: [program, ...args], home, path, lang, user, listensOn, variables }: ChildOptions) {
    const saysPort = listensOn === 0;
    this.#process = spawn(program, saysPort ? [...args, ...runtimeOptions] : args, {
      cwd: home,
      detached: true,
      env: { ...variables, PATH: path, HOME: home, LANG: lang, PORT: String(listensOn) },
      stdio: ["pipe", "pipe", "pipe", saysPort ? "pipe" : "ignore"],
      ...(user ?? {}),
    });
    this.#process.stdin?.on("error", () => {});
    this.exited = new Promise((resolve) => {
      this.#process.once("error", (error) => {
        this.#spawnError = error;
        resolve(notStarted(error));
      });
      this.#process.once("exit", (code, signal) => resolve(inWords(code, signal)));
    });
    this.port = saysPort ? this.#readPort() : Promise.resolve(listensOn);
    this.port.catch(() => {});
  }

  /** Undefined where no process could be made. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The signal that ended it; null while it runs, and where it ended by itself. */
  get endedBy(): NodeJS.Signals | null {
    return this.#process.signalCode;
  }

  get stdout(): Readable {
    return this.#process.stdout ?? Readable.from([]);
  }

  get stderr(): Readable {
    return this.#process.stderr ?? Readable.from([]);
  }

  /** To the whole process group: also to what user code has started. */
  signal(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.pid === undefined) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // The group has nobody left.
    }
  }

  /** Closes the pipes: something the instance started may hold their other ends open for ever. */
  release(): void {
    for (const pipe of this.#process.stdio ?? []) pipe?.destroy();
  }

  async #readPort(): Promise<number> {
    try {
      return await readPort(this.#process.stdio?.[3] as Readable | null | undefined, this.exited);
    } catch (error) {
      throw this.#spawnError ?? error;
    }
  }
}

/** As something that an instance did, as all reasons are. */
export const notStarted = (error: Error): string => `could not be started (${outOfFiles(error) ?? error.message})`;

function inWords(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `was killed by ${signal}`;
  return code === 0 ? "exited" : `exited with code ${code}`;
}

async function readPort(pipe: Readable | null | undefined, exited: Promise<string>): Promise<number> {
  const announced = new Promise<string>((resolve) => {
    let text = "";
    pipe?.setEncoding("utf8").on("error", () => {});
    pipe?.on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("\n") || text.length > 1_000) resolve(text);
    });
  });
  const ended = exited.then((how) => Promise.reject(new Error(how)));
  const { port } = JSON.parse(await Promise.race([announced, ended])) as { port?: unknown };
  if (typeof port !== "number") throw new Error("announced no port");
  return port;
}
