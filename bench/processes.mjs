/** Processes that take part: started, asked for what they use (from /proc, null where there is none), and ended. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { until } from "./server.mjs";

const hasProc = existsSync("/proc/self/stat");
const ticksPerSecond = hasProc ? Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" })) : 0;
/** Behind the PATH, where distributions have servers. */
const serverFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
const outputChars = 4_000;

/** The program's path, undefined where it is not installed. */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? "").split(path.delimiter), ...serverFolders];
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A process with nothing in its environment but what every program needs and what is given. */
export function startProcess(program, args, { env = {}, stdio = ["ignore", "pipe", "pipe"], ...options } = {}) {
  const child = spawn(program, args, {
    stdio,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    ...options,
  });
  let output = "";
  child.on("error", (error) => (output += error.message));
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => (output = `${output}${chunk}`.slice(-outputChars)));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  return {
    child,
    pid: child.pid,
    output: () => output,
    hasEnded,
    stop: async (signal = "SIGTERM") => {
      if (hasEnded()) return;
      const exit = once(child, "exit");
      child.kill(signal);
      await exit;
    },
  };
}

/** Resolves when the process takes connections on the port; rejects with its last words where it ended instead. */
export const listening = (started, port) =>
  until(`port ${port} to be open`, async () => {
    if (started.hasEnded()) throw new Error(`it ended before it listened:\n${started.output()}`);
    const socket = net.connect(port, "127.0.0.1");
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    return isOpen;
  });

/** CPU seconds that the process and those it has started have used so far, user and system, those that have ended too. */
export function cpuSeconds(pid) {
  return sumOverTree(pid, (one) => {
    // Behind the name, which may have spaces in it: utime, stime, cutime and cstime are fields 14 to 17.
    const fields = readFileSync(`/proc/${one}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
  });
}

/** Resident memory of the process and those it has started, in MiB. */
export const residentMib = (pid) =>
  sumOverTree(
    pid,
    (one) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${one}/status`, "utf8"))?.[1] ?? 0) / 1024,
  );

function sumOverTree(pid, read) {
  if (!hasProc) return null;
  return treeOf(pid).reduce((sum, one) => sum + read(one), 0);
}

function treeOf(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    childrenOf(`/proc/${pid}/task/${task}/children`).split(" ").filter(Boolean),
  );
  return [pid, ...children.flatMap(treeOf)];
}

/** Threads come and go while one looks. */
function childrenOf(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
