import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../src/lib/logger.js";
import { startEmbeddedPostgres, type EmbeddedPostgres } from "../../src/store/embedded-postgres.js";
import { eventually, makeFolder, postmasterOf, query, removeFolder, serverProcesses } from "./support/data-folder.js";
import { itAsRoot } from "../support/unless.js";

const run = promisify(execFile);
const holder = fileURLToPath(new URL("support/hold-postgres.mjs", import.meta.url));

describe("The embedded database", () => {
  let folder: string;
  let dataDir: string;
  let started: { stop(): Promise<void> }[];
  let held: ChildProcess[];
  beforeEach(async () => {
    folder = await makeFolder();
    dataDir = path.join(folder, "data");
    started = [];
    held = [];
  });
  afterEach(async () => {
    for (const server of started) await server.stop();
    for (const child of held) child.kill("SIGKILL");
    await eventually(async () => expect(await serverProcesses(dataDir).catch(() => [])).toEqual([]));
    await removeFolder(folder);
  });

  async function start(isFast = true): Promise<EmbeddedPostgres> {
    const server = await startEmbeddedPostgres({ dataDir, isFast });
    started.push(server);
    return server;
  }

  /** Another process that holds the database; answers what it printed first. */
  async function hold(): Promise<{ child: ChildProcess; said: string }> {
    const child = spawn(process.execPath, [holder, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
    held.push(child);
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    return { child, said: line.toString().trim() };
  }

  async function makeRows(url: string): Promise<void> {
    await query(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n");
  }

  const countRows = async (url: string): Promise<unknown> =>
    (await query(url, "SELECT count(*)::int AS count FROM kept"))[0]?.["count"];

  it("starts on an empty folder, and again on what it has kept", async () => {
    const first = await start();
    await makeRows(first.url);
    await first.stop();
    await first.stop();
    expect(await serverProcesses(dataDir)).toEqual([]);
    const second = await start();
    expect(await countRows(second.url)).toBe(1_000);
  });

  it("listens on loopback only, and lets nobody in without the password", async () => {
    const { url } = await start();
    expect(await query(url, "SHOW listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
    for (const password of ["", "wrong"]) {
      const other = new URL(url);
      other.password = password;
      await expect(query(other.href, "SELECT 1")).rejects.toThrow(/password/);
    }
    const rules = await query(url, "SELECT DISTINCT auth_method FROM pg_hba_file_rules");
    expect(rules).toEqual([{ auth_method: "scram-sha-256" }]);
  });

  it("leaves no secret where others can read it", async () => {
    await start();
    const names = await readdir(dataDir);
    expect(names.sort()).toEqual(["fermi.lock", "postgres", "postgres.password"]);
    for (const name of names) expect((await stat(path.join(dataDir, name))).mode & 0o077).toBe(0);
    const { stdout } = await run("ps", ["-eo", "args"]);
    expect(stdout).not.toContain(await readFile(path.join(dataDir, "postgres.password"), "utf8"));
  });

  it("refuses a second process on the same folder and says which one is there", async () => {
    const { child, said } = await hold();
    expect(said).toMatch(/^postgres:/);
    const refusal = expect.objectContaining({
      code: "IN_USE",
      message: expect.stringContaining(`process ${child.pid}`),
    });
    await expect(startEmbeddedPostgres({ dataDir, isFast: true })).rejects.toEqual(refusal);
    expect(await query(said, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("refuses all but one of several that start at once", async () => {
    const first = await start();
    await first.stop();
    const outcomes = await Promise.all([hold(), hold(), hold()]);
    expect(outcomes.map(({ said }) => said.split(/[ :]/)[0]).sort()).toEqual(["IN_USE", "IN_USE", "postgres"]);
  });

  it("ends with its process, also when that is killed, and starts again with all rows", async () => {
    for (let round = 0; round < 3; round++) {
      const { child, said } = await hold();
      if (round === 0) await makeRows(said);
      expect(await countRows(said)).toBe(1_000);
      child.kill("SIGKILL");
      await once(child, "exit");
      if (round === 1) continue; // The next one starts while the server is still on its way out.
      await eventually(async () => expect(await serverProcesses(dataDir)).toEqual([]), 5_000);
    }
    expect(await countRows((await start()).url)).toBe(1_000);
  });

  it("ends a server that was left over", async () => {
    const { child, said } = await hold();
    await makeRows(said);
    // First the shells that would end it, then the process.
    const { stdout } = await run("ps", ["-eo", "pid,args"]);
    const shells = stdout.split("\n").filter((line) => line.includes("fermi-postgres") && line.includes(dataDir));
    expect(shells.length).toBeGreaterThan(0);
    // It must not see the shells go: it would start the server again.
    child.kill("SIGSTOP");
    for (const line of shells) process.kill(Number.parseInt(line), "SIGKILL");
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await query(said, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    const { url } = await start();
    expect(await countRows(url)).toBe(1_000);
    await expect(query(said, "SELECT 1")).rejects.toThrow();
  });

  it("does not mistake another program for its server", async () => {
    const first = await start();
    const file = path.join(dataDir, "postgres", "postmaster.pid");
    const lines = await readFile(file, "utf8");
    await first.stop();
    await writeFile(file, lines.replace(/^\d+/, String(process.pid)));
    await start();
  });

  it("leaves other programs alone that stand in its folder", async () => {
    await (await start()).stop();
    const other = spawn("sleep", ["60"], { cwd: path.join(dataDir, "postgres"), stdio: "ignore" });
    held.push(other);
    await once(other, "spawn");
    await start();
    expect([other.exitCode, other.signalCode]).toEqual([null, null]);
  });

  it("waits for a server that recovers for as long as it does, says so, and does not begin anew", async () => {
    await (await start()).stop();
    const pgData = path.join(dataDir, "postgres");
    // A standby that takes no connections answers as one does that recovers, and never ends.
    await writeFile(path.join(pgData, "standby.signal"), "");
    await appendFile(path.join(pgData, "postgresql.auto.conf"), "hot_standby = off\n");
    const silenceMs = 1_500;
    const told: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: object, message: string) => void told.push(message) };
    const coming = startEmbeddedPostgres({ dataDir, isFast: true, silenceMs, logger });
    coming.catch(() => undefined);
    // Each after a quarter of what it may be silent for.
    await eventually(async () => expect(told.length).toBeGreaterThan(4));
    expect(told[0]).toContain("not ready yet");
    process.kill(await postmasterOf(dataDir), "SIGINT");
    await expect(coming).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  it("starts a server that died again, at the same address, with all that was committed", async () => {
    const { url } = await start(false);
    await makeRows(url);
    const postmaster = await postmasterOf(dataDir);
    process.kill(postmaster, "SIGKILL");
    expect(await eventually(() => countRows(url))).toBe(1_000);
    expect(await postmasterOf(dataDir)).not.toBe(postmaster);
  });

  it("begins anew where its making was cut short", async () => {
    await mkdir(path.join(dataDir, "postgres.new-abc"), { recursive: true });
    await writeFile(path.join(dataDir, "postgres.new-abc.password"), "old");
    await start();
    expect((await readdir(dataDir)).filter((name) => name.includes("new"))).toEqual([]);
  });

  it("touches no folder that is not its own", async () => {
    await mkdir(path.join(dataDir, "postgres"), { recursive: true });
    await writeFile(path.join(dataDir, "postgres", "precious"), "text");
    await expect(start()).rejects.toMatchObject({ message: expect.stringContaining("not empty") });
    expect(await readdir(path.join(dataDir, "postgres"))).toEqual(["precious"]);
  });

  it("says which release made the data where it is another", async () => {
    const first = await start();
    await first.stop();
    await writeFile(path.join(dataDir, "postgres", "PG_VERSION"), "13\n");
    await expect(start()).rejects.toMatchObject({ message: expect.stringContaining("PostgreSQL 13") });
    await expect(start()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  it("runs in a folder whose path is long and odd", async () => {
    dataDir = path.join(folder, `it's a "folder", $HOME ${"x".repeat(120)}`);
    const { url } = await start();
    expect(await query(url, "SHOW unix_socket_directories")).toEqual([{ unix_socket_directories: "" }]);
  });

  itAsRoot("does not run as root", async () => {
    await start();
    const { stdout } = await run("ps", ["-o", "uid=", "-p", String(await postmasterOf(dataDir))]);
    expect(Number(stdout)).toBeGreaterThan(0);
    expect((await stat(path.join(dataDir, "postgres"))).uid).toBe(Number(stdout));
  });
});
