import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
    if (holder === undefined) continue;
    if (!isAlive(holder)) {
      await removeOf(holder, file, log);
      continue;
    }
    if (!hasTold) log(`waiting for process ${parseInt(holder)}, which installs or compiles here (it holds ${file})`);
    hasTold = true;
    await delay(200);
  }
}

/** Whole as soon as it is there, so that nobody finds a lock without its holder. */
function tryAcquire(file) {
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, identityOf(process.pid));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Under a lock of its own: of two who find the same holder dead, the slower must not remove what the other put there since. */
function removeOf(deadHolder, file, log) {
  return withLock(`${file}.stale`, log, () => {
    if (readHolder(file) === deadHolder) rmSync(file, { force: true });
  });
}

/** Undefined where the lock has just been given back. */
function readHolder(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

const isAlive = (holder) => holder === identityOf(parseInt(holder));

/** A process's number and when it began: a container that is started again has the same numbers. Undefined where none lives. */
function identityOf(pid) {
  const beganAt = existsSync("/proc/self/stat") ? beginInProc(pid) : beginByPs(pid);
  return beganAt === undefined ? undefined : `${pid} ${beganAt}`;
}

function beginInProc(pid) {
  try {
    const [, state, rest] = /^.*\) (\S) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, "latin1")) ?? [];
    // One that has ended, and whose parent has not asked how.
    return state === "Z" ? undefined : rest.split(" ")[18];
  } catch {
    return undefined;
  }
}

/** For systems without /proc. */
function beginByPs(pid) {
  try {
    const env = { LC_ALL: "C", TZ: "UTC" };
    return execFileSync("/bin/ps", ["-o", "lstart=", "-p", String(pid)], { env, encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}
