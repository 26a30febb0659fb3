import { execFile, spawn, type ChildProcess } from "node:child_process";
import { readFile, readdir, readlink, realpath, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { AppError } from "../../errors/app-error.js";
import { runningAs, type Account } from "./postgres-account.js";

const run = promisify(execFile);

interface ProcessOptions {
  readonly postgres: string;
  readonly pgData: string;
  readonly port: number;
  readonly account: Account;
  readonly isFast: boolean;
}

/**
 * Ends the server when standard input ends, which the kernel sees to when we are gone, also after kill -9. The shell's
 * own `read` is the watcher, so it needs no further program; it outlives the waiting shell should that be killed.
 */
const supervise = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
( while read -r _ <&3; do :; done; kill -INT $server ) 2>/dev/null &
watcher=$!
trap 'kill -INT $server' INT TERM HUP
while kill -0 $server 2>/dev/null; do wait $server; status=$?; done
kill $watcher 2>/dev/null
exit $status
`;

/** A running server process. Its last words are kept for error messages. */
export class PostgresProcess {
  readonly exited: Promise<void>;
  #hasExited = false;
  #lastWords = "";

  private constructor(
    private readonly child: ChildProcess,
    private readonly pgData: string,
  ) {
    child.stderr?.on("data", (data: Buffer) => (this.#lastWords = (this.#lastWords + String(data)).slice(-4096)));
    // The pipe breaks when the server is gone before us; `exited` tells.
    child.stdin?.on("error", () => undefined);
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => (this.#lastWords += error.message));
      child.once("close", resolve);
    }).then(() => {
      this.#hasExited = true;
    });
  }

  static start({ postgres, pgData, port, account, isFast }: ProcessOptions): PostgresProcess {
    const settings = {
      listen_addresses: "127.0.0.1",
      port,
      unix_socket_directories: socketFolder(pgData),
      unix_socket_permissions: "0700",
      logging_collector: "off",
      log_destination: "stderr",
      jit: "off",
      timezone: "UTC",
      max_connections: 100,
      ...(isFast ? { fsync: "off", synchronous_commit: "off", full_page_writes: "off" } : {}),
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    // A session of its own: Ctrl-C in a terminal reaches us alone, and the server stays until records were flushed.
    const child = spawn("/bin/sh", ["-c", supervise, "fermi-postgres", postgres, "-D", pgData, ...flags], {
      ...runningAs(account),
      detached: true,
      stdio: ["pipe", "ignore", "pipe"],
    });
    return new PostgresProcess(child, pgData);
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  get lastWords(): string {
    return this.#lastWords;
  }

  /** Ends the server in an orderly way; by force after ten seconds. */
  async stop(): Promise<void> {
    this.child.stdin?.end();
    if (await endsWithin(10_000, this.exited)) return;
    await signalServer(this.pgData, "SIGQUIT");
    if (await endsWithin(5_000, this.exited)) return;
    await signalServer(this.pgData, "SIGKILL");
    await this.exited;
  }
}

async function endsWithin(ms: number, exited: Promise<void>): Promise<boolean> {
  const waiting = new AbortController();
  const timer = delay(ms, false, { signal: waiting.signal }).catch(() => true);
  const hasEnded = await Promise.race([exited.then(() => true), timer]);
  waiting.abort();
  return hasEnded;
}

/** For psql by hand. A socket's whole path has 104 bytes at most; the list of folders has its own syntax. */
function socketFolder(pgData: string): string {
  const isUsable = Buffer.byteLength(path.join(pgData, ".s.PGSQL.65535.lock")) < 104 && !/[,"\s]/.test(pgData);
  return isUsable ? pgData : "";
}

/** Signals the postmaster, who sees to the others; where it is dead, what is left of its server. */
async function signalServer(pgData: string, signal: NodeJS.Signals): Promise<void> {
  const processes = await processesIn(pgData);
  const postmaster = await postmasterPid(pgData);
  const isAlive = postmaster !== undefined && processes.includes(postmaster);
  for (const pid of isAlive && signal !== "SIGKILL" ? [postmaster] : processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended in between.
    }
  }
}

async function postmasterPid(pgData: string): Promise<number | undefined> {
  const text = await readFile(path.join(pgData, "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number(text.split("\n")[0]);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/**
 * Ends a server that an earlier process left in the folder, and removes the trace of one that died. Only for the holder
 * of the data folder's lock: the server is nobody's then.
 */
export async function endLeftOver(pgData: string): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    const isEnded = await endsBy(pgData, signal);
    if (!isEnded) continue;
    // The number in it may be another program's by now, and PostgreSQL would refuse to start.
    await rm(path.join(pgData, "postmaster.pid"), { force: true });
    return;
  }
  throw new AppError("STORE_UNAVAILABLE", `an earlier database server in ${pgData} can't be ended`);
}

async function endsBy(pgData: string, signal: NodeJS.Signals): Promise<boolean> {
  await signalServer(pgData, signal);
  for (let tries = 200; tries > 0; tries--) {
    if ((await processesIn(pgData)).length === 0) return true;
    await delay(50);
  }
  return false;
}

/**
 * Every process of the server has the data as its working folder, those that outlive a killed postmaster too. Others may
 * stand there as well: somebody's shell.
 */
async function processesIn(pgData: string): Promise<number[]> {
  if (process.platform !== "linux") return listedProcesses(pgData);
  const folder = await realpath(pgData);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => ((await cwdOf(pid)) === folder && (await isServer(pid)) ? pid : undefined)),
  );
  return found.filter((pid) => pid !== undefined);
}

const cwdOf = (pid: number): Promise<string | undefined> => readlink(`/proc/${pid}/cwd`).catch(() => undefined);

/** By its program's name: where that lies may have changed since it was started. */
const isServer = async (pid: number): Promise<boolean> =>
  (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trim() === "postgres";

/** Without /proc only the postmaster can be told, by its arguments. */
async function listedProcesses(pgData: string): Promise<number[]> {
  const pid = await postmasterPid(pgData);
  if (pid === undefined) return [];
  const listed = await run("ps", ["-o", "command=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return listed.stdout.includes(pgData) ? [pid] : [];
}
