/** The router in several processes: one port, slots that are counted together, and whatever may happen to one of them. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { eventually, launch, startFermi, temporaryFolder, type Fermi } from "../support/harness.js";
import { ask } from "../router/support/http-client.js";
import { Callers, statuses } from "./support/callers.js";
import { Installation } from "./support/installation.js";

const run = promisify(execFile);
const image = "fermi-test/counting";
const workers = 3;
const callers = 24;
const requestsPerInstance = 2;
const instancesNeeded = callers / requestsPerInstance;

interface Counted {
  readonly most: number;
  readonly pid: number;
}

/** The workers of a process, by their process ids. */
async function workersOf(pid: number | undefined): Promise<number[]> {
  const { stdout } = await run("ps", ["axo", "pid=,ppid=,args="], { maxBuffer: 1 << 26 });
  return stdout.split("\n").flatMap((line) => {
    const [own, parent] = line.trim().split(/\s+/).map(Number);
    return own !== undefined && parent === pid && line.includes("router-worker.js") ? [own] : [];
  });
}

async function start(folder: string): Promise<Fermi> {
  const runtime = path.join(folder, "counting-runtime.mjs");
  const runtimes = path.join(folder, "runtimes.json");
  await copyFile(path.join(import.meta.dirname, "support", "counting-runtime.mjs"), runtime);
  const mapped = { [image]: { contracts: ["FERMI"], command: [process.execPath, runtime] } };
  await writeFile(runtimes, JSON.stringify(mapped));
  const fermi = await startFermi({
    env: {
      FERMI_LOCAL_RUNTIMES: runtimes,
      FERMI_ROUTER_WORKERS: String(workers),
      FERMI_MAX_INSTANCES: "32",
      FERMI_DRAIN_SECONDS: "2",
    },
  });
  await fermi.ok(`mutation { createEnvironment(input: {name: "counting", image: "${image}", poolSize: 1}) { id } }`);
  return fermi;
}

describe("a router of three workers", () => {
  let fermi: Fermi;
  let folder: string;
  let url: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    fermi = await start(folder);
    await deploy("count", { requestsPerInstance });
    await deploy("bounded", { requestsPerInstance, maxInstances: instancesNeeded });
    url = `${fermi.routerUrl}/count`;
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
    await rm(folder, { recursive: true });
  }, 60_000);

  /** With a route of the same name. */
  const deploy = async (name: string, settings: object): Promise<void> => {
    const create = `mutation($name: String!, $settings: RunSettingsInput!) {
      createFunction(input: {name: $name, environment: "counting", source: "-", settings: $settings}) { id }
    }`;
    await fermi.ok(create, { name, settings });
    await fermi.ok(`mutation { createHttpTrigger(input: {function: "${name}", path: "/${name}"}) { id } }`);
  };
  const instances = async (): Promise<number> => {
    const { pools } = await fermi.ok<{ pools: { instances: { functionVersion: number | null }[] }[] }>(
      "{ pools { instances { functionVersion } } }",
    );
    return pools.flatMap((pool) => pool.instances).filter(({ functionVersion }) => functionVersion !== null).length;
  };
  /** Of all invocations, as Prometheus would see them. */
  const counted = async (from: string): Promise<number> => {
    const page = await (await fetch(from)).text();
    const lines = page.split("\n").filter((line) => line.startsWith("fermi_invocations_total{"));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };

  it("says once that it has as many, and knows a route on every connection when that is answered", async () => {
    expect(await workersOf(fermi.process.pid)).toHaveLength(workers);
    expect(fermi.output().match(/the router runs in 3 worker processes/g)).toHaveLength(1);
    for (let at = 0; at < 10; at++) {
      const route = `mutation { createHttpTrigger(input: {function: "count", path: "/again-${at}"}) { id } }`;
      await fermi.ok(route);
      const asked = Array.from({ length: 6 }, () => fetch(`${fermi.routerUrl}/again-${at}`, { method: "OPTIONS" }));
      expect((await Promise.all(asked)).map(({ headers }) => headers.get("x-fermi-error"))).not.toContain(
        "ROUTE_NOT_FOUND",
      );
    }
  }, 60_000);

  it("has no instance do more at once than it may, and needs no more instances than one process would", async () => {
    const load = new Callers(url, callers);
    let most = 0;
    await eventually(async () => {
      most = Math.max(most, await instances());
      expect(load.answers.length).toBeGreaterThan(1_200);
    }, 60_000);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(statuses(load.answers)).toEqual({ 200: load.answers.length });
    const told = load.answers.map(({ body }) => JSON.parse(body) as Counted);
    expect(Math.max(...told.map((counts) => counts.most))).toBe(requestsPerInstance);
    expect(new Set(told.map(({ pid }) => pid)).size).toBeLessThanOrEqual(instancesNeeded);
    expect(most).toBeLessThanOrEqual(instancesNeeded);
  }, 90_000);

  it("has its workers' counts add up, whoever is asked", async () => {
    const before = await counted(`${fermi.apiUrl}/metrics`);
    const load = new Callers(url, callers);
    await eventually(() => expect(load.answers.length).toBeGreaterThan(100), 30_000);
    await load.stop();
    for (const page of [`${fermi.apiUrl}/metrics`, `${fermi.routerUrl}/-/metrics`]) {
      await eventually(async () => expect(await counted(page)).toBe(before + load.answers.length));
    }
  }, 60_000);

  it("goes on when a worker is killed under load: its own requests fail, and others' slots are all there again", async () => {
    const before = await counted(`${fermi.apiUrl}/metrics`);
    const load = new Callers(`${fermi.routerUrl}/bounded`, callers);
    await eventually(() => expect(load.answers.length).toBeGreaterThan(100), 30_000);
    const [victim = 0] = await workersOf(fermi.process.pid);
    process.kill(victim, "SIGKILL");
    await eventually(async () => {
      const now = await workersOf(fermi.process.pid);
      expect(now).toHaveLength(workers);
      expect(now).not.toContain(victim);
    }, 30_000);
    const afterwards = load.answers.length;
    await eventually(() => expect(load.answers.length).toBeGreaterThan(afterwards + 400), 30_000);
    await load.stop();
    // One connection in three was its own, with a request on each.
    expect(load.failures.length).toBeLessThanOrEqual(callers / workers + 1);
    expect(statuses(load.answers)).toEqual({ 200: load.answers.length });
    expect(await counted(`${fermi.apiUrl}/metrics`)).toBeGreaterThanOrEqual(before);
    const told = load.answers.map(({ body }) => JSON.parse(body) as Counted);
    expect(Math.max(...told.map((counts) => counts.most))).toBe(requestsPerInstance);
    // It has no more instances than these need: were a slot lost, one would not begin.
    const signal = AbortSignal.timeout(20_000);
    const held = Array.from({ length: callers }, () => fetch(`${fermi.routerUrl}/bounded?hold`, { signal }));
    const begun = await Promise.all(held);
    expect(begun.map(({ status }) => status)).toEqual(held.map(() => 200));
    for (const { body } of begun) await body?.cancel();
  }, 120_000);

  it("says of a worker that hangs that it does not answer", async () => {
    const [hanging = 0] = await workersOf(fermi.process.pid);
    const told = async (): Promise<string | undefined> => {
      const { server } = await fermi.ok<{ server: { checks: { name: string; message: string }[] } }>(
        "{ server { checks { name message } } }",
      );
      return server.checks.find(({ name }) => name.startsWith("router workers"))?.message;
    };
    process.kill(hanging, "SIGSTOP");
    await eventually(async () => expect(await told()).toBe("2 of 3 workers answer."), 20_000);
    process.kill(hanging, "SIGCONT");
    await eventually(async () => expect(await told()).toBe("3 workers answer."), 20_000);
  }, 60_000);

  it("has callers wait for its routes where all workers were killed at once", async () => {
    const children = await workersOf(fermi.process.pid);
    for (const pid of children) process.kill(pid, "SIGKILL");
    await eventually(() => {
      for (const pid of children) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    });
    const { port } = new URL(url);
    const asked = Array.from({ length: callers }, () => ask(Number(port), "/count", { method: "OPTIONS" }));
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(asked.map(() => 405));
    await eventually(async () =>
      expect(await (await fetch(`${fermi.routerUrl}/-/readyz`)).json()).toEqual({ ready: true }),
    );
  }, 60_000);

  it("loses no request of who leaves when told to, while it is stopped", async () => {
    const load = new Callers(url, callers, true);
    await eventually(() => expect(load.answers.length).toBeGreaterThan(100), 30_000);
    const children = await workersOf(fermi.process.pid);
    expect(children).toHaveLength(workers);
    const exit = once(fermi.process, "exit");
    fermi.process.kill("SIGTERM");
    await load.ended();
    expect(load.failures).toEqual([]);
    expect(statuses(load.answers)).toEqual({ 200: load.answers.length });
    expect(await exit).toEqual([0, null]);
    expect(await workersOf(fermi.process.pid)).toEqual([]);
  }, 60_000);
});

describe("a router apart, of two workers", () => {
  let fermi: Installation;
  beforeAll(async () => {
    const counts = { router: 1, poolmgr: 1 };
    fermi = await Installation.start({ counts, env: { FERMI_ROUTER_WORKERS: "2" } });
  }, 90_000);
  afterAll(() => fermi.stop(), 60_000);

  it("is one router to the others: ready, well, and with every change when that is answered", async () => {
    await fermi.ok(`mutation { createEnvironment(input: {name: "node", image: "fermi/nodejs"}) { id } }`);
    const source = `module.exports = async () => ({ status: 200, body: "hi" })`;
    const create = `mutation($source: String!) {
      createFunction(input: {name: "hi", environment: "node", source: $source}) { id }
    }`;
    await fermi.ok(create, { source });
    for (let at = 0; at < 10; at++) {
      await fermi.ok(`mutation { createHttpTrigger(input: {function: "hi", path: "/hi-${at}"}) { id } }`);
      const asked = Array.from({ length: 4 }, () => fetch(`${fermi.routerUrl}/hi-${at}`));
      expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    }
    const server = await eventually(async () => {
      const { server: told } = await fermi.ok<{
        server: { processes: { roles: string[] }[]; checks: { name: string; ok: boolean; message: string }[] };
      }>("{ server { processes { roles } checks { name ok message } } }");
      expect(told.checks.filter(({ ok }) => !ok)).toEqual([]);
      expect(told.checks.find(({ name }) => name.startsWith("router workers"))?.message).toBe("2 workers answer.");
      return told;
    }, 20_000);
    expect(server.processes.filter(({ roles }) => roles.includes("router"))).toHaveLength(1);
    expect(await fermi.one("router").end()).toBe(0);
  }, 90_000);
});

describe("workers whose process is killed", () => {
  it("are no more", async () => {
    const fermi = await startFermi({ env: { FERMI_ROUTER_WORKERS: "2" } });
    const children = await workersOf(fermi.process.pid);
    expect(children).toHaveLength(2);
    await fermi.kill();
    await eventually(() => {
      for (const pid of children) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    });
  }, 60_000);
});

describe("workers of a process whose database does not answer yet", () => {
  it("load their code meanwhile, and are no more when it is killed", async () => {
    const folder = await temporaryFolder();
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const DATABASE_URL = `postgres://fermi@127.0.0.1:${(silent.address() as AddressInfo).port}/fermi`;
    const { child } = launch({ env: { DATABASE_URL, FERMI_ROUTER_WORKERS: "2" } }, folder);
    const children = await eventually(async () => {
      const begun = await workersOf(child.pid);
      expect(begun).toHaveLength(2);
      return begun;
    }, 20_000);
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
    await eventually(() => {
      for (const pid of children) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    });
    silent.close();
    await rm(folder, { recursive: true });
  }, 60_000);
});
