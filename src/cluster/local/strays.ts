import { readdir, readFile, readlink } from "node:fs/promises";

const rounds = 5;
/** Files open at a time, of those that may be few. */
const batchSize = 16;

/**
 * Kills every process whose HOME is `folder` or lies in it, and every one that works there and has no terminal, which
 * whoever looks around in it has: whatever user code has started and sent out of its process group. One that has left
 * all three goes on, and where there is no /proc, whatever has left the group. Resolves with how many were found.
 */
export async function killStrays(folder: string): Promise<number> {
  let killed = 0;
  for (let round = 0; round < rounds; round += 1) {
    const pids = await findStrays(folder);
    if (pids.length === 0) break;
    // More than one round, since a process may have forked while it was looked for.
    for (const pid of pids) if (kill(pid)) killed += 1;
  }
  return killed;
}

async function findStrays(folder: string): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const found: number[] = [];
  for (let from = 0; from < pids.length; from += batchSize) {
    const batch = pids.slice(from, from + batchSize);
    const belong = await Promise.all(batch.map((pid) => belongsTo(folder, `/proc/${pid}`)));
    found.push(...batch.filter((_pid, index) => belong[index]).map(Number));
  }
  return found;
}

async function belongsTo(folder: string, proc: string): Promise<boolean> {
  const isWithin = (place: string | undefined): boolean => place === folder || place?.startsWith(`${folder}/`) === true;
  const [, home] = /(?:^|\0)HOME=([^\0]*)/.exec(await read(`${proc}/environ`)) ?? [];
  if (isWithin(home)) return true;
  return isWithin(await readlink(`${proc}/cwd`).catch(() => undefined)) && !(await hasTerminal(proc));
}

/** By the seventh field of its status; the second, its name, may have anything in it. */
async function hasTerminal(proc: string): Promise<boolean> {
  const [, terminal] = /.*\) \S \d+ \d+ \d+ (\d+) /s.exec(await read(`${proc}/stat`)) ?? [];
  return terminal !== "0";
}

/** Empty where it can't be read (any more). */
const read = (file: string): Promise<string> => readFile(file, "latin1").catch(() => "");

function kill(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}
