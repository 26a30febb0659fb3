import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Runs `work` while no other process holds the lock file: `npm start` and `npm test` in one fresh clone must not
 * install over each other. A lock whose holder is dead is taken over.
 */
export async function withLock(file, log, work) {
  await acquire(file, log);
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

async function acquire(file, log) {
  let hasTold = false;
  while (!tryAcquire(file)) {
    const holder = readHolder(file);
    if (holder === undefined ? isAbandoned(file) : !isAlive(holder)) {
      rmSync(file, { force: true });
      continue;
    }
    if (!hasTold) log(`waiting for process ${holder ?? "?"}, which installs or compiles here (it holds ${file})`);
    hasTold = true;
    await delay(200);
  }
}

function tryAcquire(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  }
}

/** Undefined where the holder has just gone, or has not written its number yet. */
function readHolder(file) {
  try {
    return Number(readFileSync(file, "utf8")) || undefined;
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** A holder writes its number at once; a file without one for seconds is that of a holder which died in between. */
function isAbandoned(file) {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs > 2_000;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
