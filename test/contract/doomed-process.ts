import { transformFileSync } from "@swc/core";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runtimesDir } from "./local-subject.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Two warm instances, and one that blocks its event loop after it has started two processes in sessions of their own, one without a HOME. */
const script = `
import { LocalDriver } from "./src/cluster/local/local-driver.js";
import { systemClock } from "./src/lib/clock.js";
import { silentLogger } from "./src/lib/logger.js";
const [dataDir, runtimesDir] = process.argv.slice(2);
const driver = new LocalDriver({ dataDir, runtimesDir, path: process.env.PATH, node: process.execPath, lang: "C.UTF-8",
  clock: systemClock, logger: silentLogger, maxInstances: 8 });
await driver.start();
const resources = { cpuRequest: null, cpuLimit: null, memoryRequest: null, memoryLimit: null };
await driver.ensurePool({ id: "e", namespace: "d", name: "e", image: "fermi/nodejs", contract: "FERMI", poolSize: 2, resources });
const signal = new AbortController().signal;
const instance = await driver.claim("e", signal);
const source = \`const { spawn } = require("node:child_process");
  for (const env of [process.env, {}]) spawn("sleep", ["1000"], { detached: true, stdio: "ignore", env });
  module.exports = async () => { console.log("blocking"); for (;;); }\`;
const blocks = new Promise((resolve) => driver.logs(({ text }) => text.includes("blocking") && resolve()));
await driver.specialize(instance, { function: { id: "f", name: "f", namespace: "d" }, version: 1, entrypoint: null, variables: [],
  requestsPerInstance: 1, key: "k", code: { source, sha256: "" } }, signal);
fetch("http://" + instance.address, { headers: { "x-fermi-key": "k" } }).catch(() => {});
await blocks;
const warm = new Set();
driver.watch(({ type, instance: { id, state } }) => {
  if (type === "CHANGED" && state === "WARM") warm.add(id);
  else warm.delete(id);
  if (warm.size === 2) process.stdout.write(driver.instancesDir + "\\n");
});
setInterval(() => {}, 1_000);
`;

/** A process of its own that runs a local driver, to be killed; resolves once it has instances, with their folder. */
export async function startDoomed(dataDir: string): Promise<{ process: ChildProcess; instancesDir: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), "fermi-doomed-"));
  for (const part of ["cluster", "errors", "fetcher", "lib", "model"]) compile(path.join("src", part), folder);
  symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"));
  writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(path.join(folder, "doomed.js"), script);
  const child = spawn(process.execPath, [path.join(folder, "doomed.js"), dataDir, runtimesDir], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] },
  });
  cleanUpAtExit(child, folder);
  const said = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (data: Buffer) => resolve(data.toString().split("\n", 1)[0]!));
    child.once("exit", () => reject(new Error("ended by itself")));
  });
  return { process: child, instancesDir: said };
}

/** A failing test must not leave the process behind. */
function cleanUpAtExit(child: ChildProcess, folder: string): void {
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => {
    process.off("exit", kill);
    rmSync(folder, { recursive: true, force: true });
  });
}

/** The source as plain JavaScript: a test's transform is of no use to another process. */
function compile(from: string, to: string): void {
  mkdirSync(path.join(to, from), { recursive: true });
  for (const entry of readdirSync(path.join(root, from), { withFileTypes: true })) {
    const file = path.join(from, entry.name);
    if (entry.isDirectory()) compile(file, to);
    else if (file.endsWith(".ts"))
      writeFileSync(path.join(to, file.replace(/\.ts$/, ".js")), toJavaScript(path.join(root, file)));
  }
}

const toJavaScript = (file: string): string =>
  transformFileSync(file, { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "es6" } })
    .code;
