import { hash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, open, readFile, rm, stat, writeFile, type FileHandle } from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { AppError } from "../../errors/app-error.js";
import type { Stoppable } from "../../lib/stoppable.js";

/**
 * Holds the data folder for this process, or rejects because another living one does. The kernel holds the lock, so it
 * ends with the process however that ends: there is no stale lock to clean up.
 */
export async function lockDataDir(dataDir: string): Promise<Stoppable> {
  const file = path.join(dataDir, "fermi.lock");
  return process.platform === "linux" ? lockBySocket(dataDir, await lockToken(file)) : lockByFile(dataDir, file);
}

/** An address in Linux' abstract namespace. A secret is part of it, so that no other user can occupy it. */
async function lockBySocket(dataDir: string, token: string): Promise<Stoppable> {
  const { dev, ino } = await stat(dataDir);
  const address = `\0fermi-${hash("sha256", `${token}:${dev}:${ino}`, "hex").slice(0, 40)}`;
  const server = net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(String(process.pid));
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(address, resolve);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw alreadyUsed(dataDir, await askHolder(address));
  }
  server.unref();
  return { stop: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

/** The holder tells its process id; undefined where it is too busy to answer. */
function askHolder(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(address);
    socket.setTimeout(500, () => socket.destroy());
    let answer = "";
    socket.on("data", (data) => (answer += String(data)));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(/^\d+$/.test(answer) ? answer : undefined));
  });
}

/** The token is written to another file first: whoever opens the lock file finds it whole. */
async function lockToken(file: string): Promise<string> {
  const draft = `${file}.${randomBytes(6).toString("hex")}`;
  const existing = await readToken(file);
  if (existing !== undefined) return existing;
  await writeFile(draft, randomBytes(18).toString("base64url"), { mode: 0o600, flag: "wx" });
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(file, "utf8");
}

async function readToken(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** O_EXLOCK of macOS and the BSDs, which Node does not name. */
const exclusiveLock = 0x20;

async function lockByFile(dataDir: string, file: string): Promise<Stoppable> {
  const { O_RDWR, O_CREAT, O_NONBLOCK } = constants;
  let handle: FileHandle;
  try {
    handle = await open(file, O_RDWR | O_CREAT | O_NONBLOCK | exclusiveLock, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    throw alreadyUsed(dataDir, undefined);
  }
  return { stop: () => handle.close() };
}

const alreadyUsed = (dataDir: string, pid: string | undefined): AppError =>
  new AppError(
    "IN_USE",
    `another Fermi ${pid === undefined ? "" : `(process ${pid}) `}already uses the data folder ${dataDir}; ` +
      "stop it first, or set FERMI_DATA_DIR to another folder",
  );
