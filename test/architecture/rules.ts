/** The arrows as data: which folder of src/ may import which, and what only some folders may use. */
import type { Module } from "./module-graph.js";

const floor = ["model", "errors", "lib"];

/** Folder (or file at the top of src/) to the folders it may import from. Its own folder is always allowed. */
export const arrows: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  model: [],
  errors: ["model"],
  config: ["errors", "lib"],
  // `lib` for reading the time.
  schema: ["model", "lib"],
  auth: floor,
  fetcher: floor,
  // `fetcher` for images of Fission's contracts: the local driver loads as the fetcher's container does.
  cluster: [...floor, "fetcher"],
  store: floor,
  logs: floor,
  services: floor,
  invocations: floor,
  poolmgr: [...floor, "cluster"],
  triggers: [...floor, "invocations"],
  router: [...floor, "auth", "poolmgr", "invocations"],
  // `lib` for following an ordered source in the subscriptions.
  resolvers: [...floor, "schema", "services", "auth", "invocations", "logs"],
  cli: ["errors", "lib", "config"],
  app: ["*"],
  "main.ts": ["app", "config", "cli", "errors"],
};

/** Folders whose sub-folders others may not reach into: a port is used, not one of its drivers. */
const ports = ["cluster"];

/** A package, or a name of the platform, to the folders that may use it. */
export const reserved: Readonly<Record<string, readonly string[]>> = {
  typeorm: ["store"],
  pg: ["store"],
  croner: ["model"],
  "type-graphql": ["schema", "resolvers", "auth", "app"],
  "@kubernetes/client-node": ["cluster/kubernetes"],
  "http-proxy": ["router"],
  express: ["app"],
  "@apollo/server": ["app"],
  commander: ["cli"],
  pino: ["app"],
  "prom-client": ["app"],
  // Its `env` would be a way around the next line.
  "node:process": [],
  "process.env": ["config"],
  "Date.now": ["lib", "app"],
  "new Date": ["lib", "app"],
  "Math.random": ["lib", "app"],
};

const topOf = (file: string): string => file.split("/")[0] ?? file;

/** What is wrong with the modules' imports, one sentence each. */
export function findViolations(modules: readonly Module[]): string[] {
  return modules.flatMap((module) => [
    ...module.imports.flatMap((imported) => forbiddenImport(module.file, imported)),
    ...[...module.packages, ...module.globals].flatMap((name) => forbiddenUse(module.file, name)),
  ]);
}

function forbiddenImport(file: string, imported: string): string[] {
  const [from, to] = [topOf(file), topOf(imported)];
  if (imported.startsWith("..")) return [`${file} reaches out of src/`];
  const allowed = arrows[from];
  if (allowed === undefined) return [`${from} has no line in the table of arrows`];
  if (from === to || allowed.includes("*")) return [];
  if (!allowed.includes(to)) return [`${from} may not import ${to} (${file} imports ${imported})`];
  const isInside = ports.includes(to) && imported.split("/").length > 2;
  return isInside ? [`${from} may not import a driver (${file} imports ${imported})`] : [];
}

function forbiddenUse(file: string, name: string): string[] {
  const folders = reserved[name];
  if (folders === undefined || folders.some((folder) => file.startsWith(`${folder}/`))) return [];
  return [`${file} may not use ${name} (${folders.length > 0 ? `only ${folders.join(", ")}` : "nobody"} may)`];
}
