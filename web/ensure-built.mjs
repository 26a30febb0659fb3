/**
 * Makes sure that dist/ holds the playground as the sources here say. Plain Node: it runs before anything is installed.
 * What is up to date is skipped: a hash of all sources in dist/.stamp, npm's own record of what it has installed.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The bundler's own install script only makes its command quicker to start, and that is not used here. */
const installArgs = ["ci", "--no-audit", "--no-fund", "--no-update-notifier", "--omit=dev", "--ignore-scripts"];

const here = path.dirname(fileURLToPath(import.meta.url));

/** Installs and builds what is stale, and nothing else; rejects with one sentence that says what failed. */
export async function ensureBuilt({ log = (text) => console.error(text), folder = here, run = runNode } = {}) {
  const stamp = path.join(folder, "dist", ".stamp");
  const hash = hashOfSources(folder);
  if (isThere(folder) && readOrNothing(stamp) === hash) return;
  if (!isInstalled(folder)) {
    log("installing the playground's packages (once, about half a minute)");
    await run(npmArgs(installArgs), folder, "npm ci");
  }
  log("building the playground");
  rmSync(stamp, { force: true });
  await run([process.execPath, "build.mjs"], folder, "its build");
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

/** The stamp alone could outlive the files that it speaks of. */
const isThere = (folder) => existsSync(path.join(folder, "dist", "index.html"));

/** Of the content, not of dates: a checkout changes dates, and an edit within a second may not. */
function hashOfSources(folder) {
  const hash = createHash("sha256");
  for (const name of sourcesOf(folder)) hash.update(`${name}\0`).update(readFileSync(path.join(folder, name)));
  return hash.digest("hex");
}

const sourcesOf = (folder) => [
  "build.mjs",
  "package-lock.json",
  ...readdirSync(path.join(folder, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort(),
];

/** npm writes its record when it is done, so an install that was interrupted counts as none. */
function isInstalled(folder) {
  const installed = packagesOf(path.join(folder, "node_modules", ".package-lock.json"));
  const wanted = packagesOf(path.join(folder, "package-lock.json"));
  return (
    installed !== undefined &&
    Object.entries(wanted).every(
      ([name, { version, optional, dev }]) =>
        name === "" || optional || dev || (installed[name]?.version === version && existsSync(path.join(folder, name))),
    )
  );
}

function packagesOf(file) {
  const text = readOrNothing(file);
  return text === undefined ? undefined : JSON.parse(text).packages;
}

function readOrNothing(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** npm as this process was called by, so that its version is the same; `npm` of the path where it wasn't. */
function npmArgs(args) {
  const script = process.env.npm_execpath;
  return script?.endsWith(".js") && existsSync(script) ? [process.execPath, script, ...args] : ["npm", ...args];
}

/** What it prints goes to stderr: stdout is for whoever called. It ends where we do so before it. */
function runNode([command, ...args], cwd, what) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", 2, 2] });
    child.once("error", (error) => reject(new Error(`the playground: ${what} cannot be run: ${error.message}`)));
    const end = () => child.kill();
    process.once("exit", end);
    child.once("exit", (code) => {
      process.off("exit", end);
      if (code === 0) resolve();
      else reject(new Error(`the playground: ${what} failed (${code ?? "ended by a signal"})`));
    });
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await ensureBuilt();
