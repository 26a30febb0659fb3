/**
 * Asynchronous invocations while everything that runs them is killed: workers, pool manager, router, API and database, at
 * random and with SIGKILL. Every one that was acknowledged must end, and be known. Run by name (`npm run bench --
 * async-chaos`), or as `node bench/async-chaos.mjs <invocations> <seconds>`, which prints what it found as JSON.
 */
import { randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { startEmbeddedPostgres } from "../dist/store/embedded-postgres.js";
import { migrate } from "./fermi-apart.mjs";
import { freePort } from "./processes.mjs";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const clients = 16;
const settleDeadlineMs = 15 * 60_000;
const env = (more) => ({ PATH: process.env.PATH, HOME: process.env.HOME, ...more });

/** Counts how often each invocation has begun to run; what user code itself would notice. */
async function startSink() {
  const runs = new Map();
  const server = http.createServer((req, res) => {
    runs.set(req.url, (runs.get(req.url) ?? 0) + 1);
    res.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { runs, port: server.address().port, stop: () => (server.closeAllConnections(), server.close()) };
}

class Part {
  constructor(role, folder, settings) {
    Object.assign(this, { role, folder, settings });
    this.output = "";
  }

  start() {
    mkdirSync(this.folder, { recursive: true });
    const child = spawn(process.execPath, [main, "serve", "--role", this.role], {
      env: env({ ...this.settings, FERMI_DATA_DIR: this.folder, FERMI_LOG_LEVEL: "error", FERMI_EXAMPLES: "false" }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (this.output = `${this.output}${chunk}`.slice(-4_000)));
    this.child = child;
  }

  async kill(signal = "SIGKILL") {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill(signal);
    await exit;
  }
}

async function gql(port, query, variables) {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(5_000),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors[0].message);
  return data;
}

async function patiently(work, deadlineMs = 120_000) {
  const end = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > end) throw error;
      await delay(200);
    }
  }
}

const source = (port) => `module.exports = async ({ request }) => {
  await fetch("http://127.0.0.1:${port}/" + request.body);
  return { status: 200, body: "done" };
};\n`;

async function prepare(apiPort, sinkPort) {
  await patiently(() =>
    gql(apiPort, `mutation { createEnvironment(input: { name: "node", image: "fermi/nodejs", poolSize: 2 }) { id } }`),
  );
  const input = { name: "work", environment: "node", source: source(sinkPort), settings: { maxInstances: 4 } };
  await patiently(() =>
    gql(apiPort, `mutation ($i: CreateFunctionInput!) { createFunction(input: $i) { id } }`, { i: input }),
  );
  const route = { function: "work", path: "/work", methods: ["POST"], mode: "ASYNC" };
  await patiently(() =>
    gql(apiPort, `mutation ($i: CreateHttpTriggerInput!) { createHttpTrigger(input: $i) { id } }`, { i: route }),
  );
}

/** A client that wants its request done: it asks again under the same key until it is acknowledged. */
async function enqueue(routerPort, key) {
  return patiently(async () => {
    const response = await fetch(`http://127.0.0.1:${routerPort}/work`, {
      method: "POST",
      headers: { "idempotency-key": key },
      body: key,
      signal: AbortSignal.timeout(6_000),
    });
    const text = await response.text();
    if (response.status !== 202) throw new Error(`${response.status} ${text}`);
    return JSON.parse(text).id;
  }, settleDeadlineMs);
}

async function enqueueAll(routerPort, count, everyMs) {
  const ids = [];
  let next = 0;
  const startedAt = performance.now();
  const client = async () => {
    while (next < count) {
      const mine = next++;
      // Spread over the time of the killing, so that all of it meets all of them.
      await delay(Math.max(0, startedAt + mine * everyMs - performance.now()));
      ids.push(await enqueue(routerPort, `n${mine}`));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return ids;
}

async function killAtRandom(victims, seconds, kills) {
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    await delay(1_000 + Math.random() * 3_000);
    const [name, kill] = victims[Math.floor(Math.random() * victims.length)];
    kills[name] = (kills[name] ?? 0) + 1;
    await kill();
  }
}

/** How many there are in each state; asked until none is left that has not ended. */
async function untilAllHaveEnded(url) {
  return patiently(async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      const { rows } = await client.query(
        "SELECT state, count(*)::integer AS count FROM async_invocation GROUP BY state",
      );
      const counts = Object.fromEntries(rows.map(({ state, count }) => [state, count]));
      if (counts.QUEUED || counts.RUNNING) throw new Error(`not all have ended: ${JSON.stringify(counts)}`);
      const recorded = await client.query(
        "SELECT count(*)::integer AS count FROM async_invocation a JOIN invocation i ON i.id = a.id AND i.status = a.state",
      );
      return { counts, recorded: recorded.rows[0].count };
    } finally {
      await client.end();
    }
  }, settleDeadlineMs);
}

function partsOf(folder, databaseUrl, [apiPort, routerPort, poolmgrPort, ...triggersPorts]) {
  const shared = {
    DATABASE_URL: databaseUrl,
    FERMI_CLUSTER: "local",
    FERMI_INTERNAL_SECRET: randomBytes(24).toString("hex"),
    FERMI_POOLMGR_URL: `http://127.0.0.1:${poolmgrPort}`,
    FERMI_INTERNAL_ROUTER_URL: `http://127.0.0.1:${routerPort}`,
    FERMI_MAX_INSTANCES: "8",
  };
  const part = (role, settings, name = role) => new Part(role, path.join(folder, name), { ...shared, ...settings });
  return [
    part("poolmgr", { FERMI_POOLMGR_PORT: String(poolmgrPort) }),
    part("router", { FERMI_ROUTER_PORT: String(routerPort) }),
    part("api", { FERMI_API_PORT: String(apiPort) }),
    ...triggersPorts.map((port, index) => part("triggers", { FERMI_TRIGGERS_PORT: String(port) }, `triggers-${index}`)),
  ];
}

/** Each by its name, and how it is killed; parts start again a moment later, the database by itself. */
function victimsAmong(parts, folder) {
  const pidFile = path.join(folder, "database", "postgres", "postmaster.pid");
  const again = async (part) => {
    await part.kill();
    await delay(Math.random() * 1_000);
    part.start();
  };
  const killDatabase = () => {
    // While it starts there is nobody to be killed.
    if (existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, "utf8").split("\n")[0]), "SIGKILL");
  };
  return [...parts.map((part) => [part.role, () => again(part)]), ["database", killDatabase]];
}

async function enqueueWhileKilling({ parts, folder, databaseUrl, routerPort }, count, seconds) {
  const kills = {};
  const startedAt = performance.now();
  const killing = killAtRandom(victimsAmong(parts, folder), seconds, kills);
  const ids = await enqueueAll(routerPort, count, (seconds * 1_000) / count);
  await killing;
  const { counts, recorded } = await untilAllHaveEnded(databaseUrl);
  return {
    asked: count,
    acknowledged: new Set(ids).size,
    succeeded: counts.SUCCEEDED ?? 0,
    dead: counts.DEAD ?? 0,
    recorded,
    kills,
    endedMs: Math.round(performance.now() - startedAt),
  };
}

export async function chaos(count, seconds) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "fermi-chaos-"));
  chmodSync(folder, 0o755);
  const sink = await startSink();
  const database = await startEmbeddedPostgres({ dataDir: path.join(folder, "database") });
  const { url: databaseUrl } = database;
  const ports = await Promise.all(Array.from({ length: 5 }, freePort));
  const [apiPort, routerPort] = ports;
  const parts = partsOf(folder, databaseUrl, ports);
  try {
    await migrate(databaseUrl);
    for (const part of parts) part.start();
    await prepare(apiPort, sink.port);
    const found = await enqueueWhileKilling({ parts, folder, databaseUrl, routerPort }, count, seconds);
    const runs = [...sink.runs.values()];
    return {
      ...found,
      neverRan: count - sink.runs.size,
      ranTwice: runs.filter((times) => times > 1).length,
      ranAtMost: Math.max(0, ...runs),
    };
  } catch (error) {
    const said = parts.map(({ role, output }) => `${role}: ${output}`).join("\n");
    throw new Error(`${error.message}\n${said}`, { cause: error });
  } finally {
    await Promise.all(parts.map((part) => part.kill("SIGTERM").catch(() => undefined)));
    await database.stop();
    sink.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export async function asyncChaos() {
  const load = os.loadavg()[0].toFixed(1);
  const found = await chaos(10_000, 120);
  const kills = Object.entries(found.kills).map(([name, times]) => `${name} ${times}`);
  return {
    title: "Ten thousand asynchronous invocations while everything is killed",
    note: `Two workers, one pool manager, router, API and database of their own processes, one of them killed with SIGKILL every 1 to 4 s for two minutes: ${kills.join(", ")}. Clients ask again under the same idempotency key until they are acknowledged. Load average before: ${load}.`,
    rows: [
      ["acknowledged", String(found.acknowledged), `of ${found.asked}; aim: all`],
      ["ended", `${found.succeeded} SUCCEEDED, ${found.dead} DEAD`, `aim: ${found.asked} together`],
      ["whose record says the same", String(found.recorded), "aim: all"],
      [
        "begun by user code more than once",
        String(found.ranTwice),
        `${found.ranAtMost} times at most; at least once is the promise`,
      ],
      ["never begun", String(found.neverRan), "DEAD ones at most"],
      ["all had ended after", `${(found.endedMs / 1_000).toFixed(0)} s`, "120 s of killing included"],
    ],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [count = 500, seconds = 20] = process.argv.slice(2).map(Number);
  console.log(JSON.stringify(await chaos(count, seconds)));
}
