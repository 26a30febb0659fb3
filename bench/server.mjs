/** Starts the whole server as its users start it. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const startDeadlineMs = 120_000;

export const now = () => performance.now();

/** Asks every few milliseconds until `read` gives something true; that is what it resolves with. */
export async function until(what, read, { deadlineMs = 60_000, everyMs = 5 } = {}) {
  const end = now() + deadlineMs;
  for (;;) {
    const value = await read();
    if (value) return value;
    if (now() > end) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** The server's data, gone with `remove`. */
export function temporaryData() {
  const folder = mkdtempSync(path.join(os.tmpdir(), "fermi-bench-"));
  // As root the database runs as another user, who has to get in.
  chmodSync(folder, 0o755);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

export async function startServer(dataDir, env = {}) {
  const readyFile = path.join(dataDir, `ready-${randomUUID()}.json`);
  const startedAt = now();
  const child = spawn(process.execPath, [path.join(root, "dist", "main.js"), "serve"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      FERMI_API_PORT: "0",
      FERMI_ROUTER_PORT: "0",
      FERMI_DATA_DIR: dataDir,
      FERMI_READY_FILE: readyFile,
      FERMI_EXAMPLES: "false",
      FERMI_LOG_LEVEL: "warn",
      FERMI_MAX_INSTANCES: "200",
      // What is said of Fermi is said of one process, where not several are what it is about.
      FERMI_ROUTER_WORKERS: "1",
      ...env,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output = `${output}${chunk}`.slice(-20_000)));
  const { apiUrl, routerUrl } = await until(
    "the server to be ready",
    () => {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${output}`);
      return existsSync(readyFile) && readJson(readyFile);
    },
    { deadlineMs: startDeadlineMs },
  );
  return {
    routerUrl,
    gql: gqlClient(apiUrl),
    readyMs: now() - startedAt,
    residentMib: () => residentMib(child.pid),
    stop: async () => {
      if (child.exitCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

/** Asks an API; rejects with what it says is wrong. */
export const gqlClient = (apiUrl) => (query, variables) => send(apiUrl, query, variables);

async function send(apiUrl, query, variables) {
  const response = await fetch(`${apiUrl}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors.map(({ message }) => message).join("; "));
  return data;
}

/** Undefined while the file is being written. */
export function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function residentMib(pid) {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return null;
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(status, "utf8"))[1]) / 1024;
}
