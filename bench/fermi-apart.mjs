/**
 * Fermi as processes apart: a database, API, pool manager and triggers in one process, and routers in processes of their
 * own, so that what a router uses can be told from the rest.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { settings } from "../dist/config/settings.js";
import { startEmbeddedPostgres } from "../dist/store/embedded-postgres.js";
import { freePort, startProcess } from "./processes.mjs";
import { gqlClient, readJson, until } from "./server.mjs";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
/** Variables that keep a router to one worker, where it can have several. */
export const oneWorker = workers(1);

/** Undefined where a router is one process always. */
export function workers(count) {
  return Object.hasOwn(settings, "routerWorkers")
    ? { FERMI_ROUTER_WORKERS: String(count) }
    : count === 1
      ? {}
      : undefined;
}

const stopAll = async (stops) => {
  for (const stop of stops.reverse()) await stop();
};

/** `variables` are for every process. */
export async function startFermiApart(folder, variables = {}) {
  const stops = [];
  try {
    const database = await startEmbeddedPostgres({ dataDir: path.join(folder, "database") });
    stops.push(() => database.stop());
    const [poolmgrPort, firstRouterPort] = [await freePort(), await freePort()];
    const shared = {
      DATABASE_URL: database.url,
      FERMI_INTERNAL_SECRET: randomBytes(24).toString("hex"),
      FERMI_POOLMGR_URL: `http://127.0.0.1:${poolmgrPort}`,
      FERMI_INTERNAL_ROUTER_URL: `http://127.0.0.1:${firstRouterPort}`,
      FERMI_EXAMPLES: "false",
      FERMI_LOG_LEVEL: "error",
      FERMI_MAX_INSTANCES: "200",
      ...variables,
    };
    await migrate(database.url);
    const start = async (name, roles, more, execArgv) => {
      const part = await startPart(path.join(folder, name), roles, { ...shared, ...more }, execArgv);
      stops.push(() => part.stop());
      return part;
    };
    const ports = { FERMI_API_PORT: "0", FERMI_POOLMGR_PORT: String(poolmgrPort), FERMI_TRIGGERS_PORT: "0" };
    const control = await start("control", "api,poolmgr,triggers", ports);
    let routerPort = firstRouterPort;
    return {
      database,
      control,
      gql: gqlClient(control.addresses.apiUrl),
      /** A router more; `execArgv` are options of Node itself. */
      startRouter: async (name, more = {}, execArgv = []) => {
        const port = routerPort;
        routerPort = await freePort();
        const router = await start(name, "router", { FERMI_ROUTER_PORT: String(port), ...more }, execArgv);
        return { ...router, url: router.addresses.routerUrl };
      },
      stop: () => stopAll(stops),
    };
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}

/** Makes the tables. */
export async function migrate(databaseUrl) {
  const migration = startProcess(process.execPath, [main, "migrate"], { env: { DATABASE_URL: databaseUrl } });
  await until("the tables to be there", migration.hasEnded);
  if (migration.child.exitCode !== 0) throw new Error(`fermi migrate failed:\n${migration.output()}`);
}

async function startPart(folder, roles, variables, execArgv = []) {
  mkdirSync(folder, { recursive: true });
  const readyFile = path.join(folder, "ready.json");
  const env = { ...variables, FERMI_ROLES: roles, FERMI_DATA_DIR: folder, FERMI_READY_FILE: readyFile };
  const part = startProcess(process.execPath, [...execArgv, main, "serve"], { env });
  const addresses = await until(`the process of ${roles}`, () => {
    if (part.hasEnded()) throw new Error(`the process of ${roles} ended:\n${part.output()}`);
    return existsSync(readyFile) && readJson(readyFile);
  });
  await until(`the process of ${roles} to be ready`, () => isReady(addresses));
  return { ...part, addresses };
}

/** It listens before it has all that it needs. */
async function isReady({ apiUrl, routerUrl, poolmgrUrl }) {
  const pages = [
    apiUrl && `${apiUrl}/readyz`,
    routerUrl && `${routerUrl}/-/readyz`,
    poolmgrUrl && `${poolmgrUrl}/readyz`,
  ];
  const answers = await Promise.all(pages.filter(Boolean).map((page) => fetch(page)));
  await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  return answers.every(({ ok }) => ok);
}
