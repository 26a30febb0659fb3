import { readdir, readFile } from "node:fs/promises";

const rounds = 5;

/**
 * Kills every process whose HOME is `folder` or lies in it: whatever user code has started and sent out of its process
 * group. Where there is no /proc, only the process group is ended. Resolves with how many were found.
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
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await livesIn(pid, folder)) ? [pid] : [])));
  return found.flat();
}

async function livesIn(pid: number, folder: string): Promise<boolean> {
  if (pid === process.pid) return false;
  try {
    const variables = await readFile(`/proc/${pid}/environ`, "latin1");
    const [, home] = /(?:^|\0)HOME=([^\0]*)/.exec(variables) ?? [];
    return home !== undefined && (home === folder || home.startsWith(`${folder}/`));
  } catch {
    return false;
  }
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}
