import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import pg from "pg";
import { deploy } from "../e2e/support.js";
import { ask, errorCode, RawClient, type Answer } from "../router/support/http-client.js";
import { eventually, startFermi, temporaryFolder, type Fermi } from "../support/harness.js";
import { allowFiles, describeWithDisks, Disk, filesOf, withDisk, withFiles } from "./support/shortages.js";
import { inFlightOf } from "./support/vitals.js";

/** With the process that it runs in; `?slow` takes its time. */
const source = `module.exports = async ({ request }) => {
  if ("slow" in request.query) await new Promise((resolve) => setTimeout(resolve, 1_000));
  return String(process.pid);
};`;

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
}

async function checksOf(fermi: Fermi): Promise<Check[]> {
  const { server } = await fermi.ok<{ server: { checks: Check[] } }>(`{ server { checks { name ok message } } }`);
  return server.checks;
}

/** Asks on one connection, which stays. */
class Caller {
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly fermi: Fermi) {}

  ask(path: string): Promise<Answer> {
    return ask(portOf(this.fermi), path, { agent: this.#agent });
  }

  leave(): void {
    this.#agent.destroy();
  }
}

const portOf = ({ routerUrl }: Fermi): number => Number(new URL(routerUrl).port);

const setGrace = (seconds: number): string =>
  `mutation { updateEnvironment(input: {name: "node", gracePeriodSeconds: ${seconds}}) { id } }`;

/** More connections than there may be; resolves when some were refused. */
async function flood(fermi: Fermi): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: 300 }, () => RawClient.connect(portOf(fermi))));
  await eventually(() => expect(clients.filter(({ isClosed }) => isClosed).length).toBeGreaterThan(200));
  return clients;
}

async function weathersFlood(fermi: Fermi): Promise<void> {
  const one = new Caller(fermi);
  const { body: pid } = await one.ask("/warm");
  const before = filesOf(fermi.process.pid!);
  const clients = await flood(fermi);

  expect(await one.ask("/warm")).toMatchObject({ status: 200, body: pid });
  expect((await one.ask("/cold")).status).toBe(200);
  await fermi.ok(setGrace(21));
  const bad = (await checksOf(fermi)).filter(({ ok }) => !ok);
  expect(bad).not.toEqual([]);
  for (const { message } of bad)
    expect(message).toMatch(/^(Worker .: )?Connections were refused, .* raise `ulimit -n` \(200 now\)/);

  for (const client of clients) client.destroy();
  one.leave();
  await eventually(async () => expect(await ask(portOf(fermi), "/warm")).toMatchObject({ status: 200, body: pid }));
  expect(await inFlightOf(fermi, "warm")).toBe(0);
  // The instances of the cold start and of its replacement have theirs.
  await eventually(() => expect(filesOf(fermi.process.pid!)).toBeLessThan(before + 20));
}

const told = (fermi: Fermi, what: RegExp): number => fermi.output().match(what)?.length ?? 0;

describe("a process with", () => {
  let fermi: Fermi;
  beforeAll(async () => {
    fermi = await startFermi({ launcher: withFiles(200), env: { FERMI_MAX_INSTANCES: "8" } });
    await deploy(fermi, "warm", source, { requestsPerInstance: 4, maxInstances: 1 });
    await deploy(fermi, "cold", source);
    await deploy(fermi, "colder", source);
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
  });

  it("200 file descriptors refuses a flood of connections from some point on, and serves who is in, also by cold starts", async () => {
    await weathersFlood(fermi);
    expect(told(fermi, /connections of clients were dropped: .* raise `ulimit -n`/g)).toBe(1);
  }, 30_000);

  it("200 file descriptors, of which none is left, blames no instance, and uses the same once there are some", async () => {
    const [one, two, three] = [new Caller(fermi), new Caller(fermi), new Caller(fermi)];
    const { body: pid } = await one.ask("/warm");
    await Promise.all([two.ask("/warm"), three.ask("/warm")]);
    const slow = two.ask("/warm?slow");
    const alsoSlow = three.ask("/warm?slow");
    await eventually(async () => expect(await inFlightOf(fermi, "warm")).toBe(2));
    allowFiles(fermi.process.pid!, 10);
    const refused = await Promise.all([one.ask("/warm?slow"), one.ask("/colder")]);
    for (const answer of refused) expect([answer.status, errorCode(answer)]).toEqual([503, "CLUSTER_UNAVAILABLE"]);
    expect(await slow).toMatchObject({ status: 200, body: pid });
    expect(await alsoSlow).toMatchObject({ status: 200, body: pid });

    allowFiles(fermi.process.pid!, 200);
    expect(await one.ask("/warm")).toMatchObject({ status: 200, body: pid });
    await eventually(async () => expect((await one.ask("/colder")).status).toBe(200));
    expect(await inFlightOf(fermi, "warm")).toBe(0);
    for (const caller of [one, two, three]) caller.leave();
  }, 30_000);
});

describe("a process with", () => {
  let fermi: Fermi;
  beforeAll(async () => {
    const env = { FERMI_MAX_INSTANCES: "8", FERMI_ROUTER_WORKERS: "2" };
    fermi = await startFermi({ launcher: withFiles(200), env });
    await deploy(fermi, "warm", source, { requestsPerInstance: 4, maxInstances: 1 });
    await deploy(fermi, "cold", source);
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
  });

  it(
    "200 file descriptors for each of its router's two workers refuses a flood of connections in each of them",
    () => weathersFlood(fermi),
    30_000,
  );
});

describeWithDisks("a process with", () => {
  let fermi: Fermi;
  let folder: string;
  let disk: Disk;
  let database: pg.Client;
  let calls = 0;

  beforeAll(async () => {
    folder = await temporaryFolder();
    const data = path.join(folder, "disk");
    await mkdir(data);
    fermi = await startFermi({ dataDir: folder, launcher: withDisk(data, 160), env: { FERMI_DATA_DIR: data } });
    disk = new Disk(fermi.process.pid!, data);
    await deploy(fermi, "warm", source, { minInstances: 1 });
    database = await connect();
  }, 90_000);
  afterAll(async () => {
    await database.end();
    await fermi.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function connect(): Promise<pg.Client> {
    const password = await readFile(disk.path("postgres.password"), "utf8");
    const port = (await readFile(disk.path("postgres/postmaster.pid"), "utf8")).split("\n")[3];
    const client = new pg.Client({ connectionString: `postgres://fermi:${password}@127.0.0.1:${port}/postgres` });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  async function servesOn(): Promise<void> {
    for (let i = 0; i < 50; i++, calls++) expect((await ask(portOf(fermi), "/warm")).status).toBe(200);
  }

  /** In time, as it ought to be refused. */
  async function refusal(mutation: string): Promise<string> {
    const asked = performance.now();
    const { errors } = await fermi.gql(mutation);
    expect(performance.now() - asked).toBeLessThan(5_000);
    expect(errors?.[0]?.extensions.code).toBe("STORE_UNAVAILABLE");
    return errors?.[0]?.message ?? "";
  }

  /** All requests are recorded, and nothing is amiss. */
  const isWell = (): Promise<void> =>
    eventually(async () => {
      const { function: fn } = await fermi.ok<{ function: { stats: { total: number } } }>(
        `{ function(name: "warm") { stats { total } } }`,
      );
      expect(fn.stats.total).toBe(calls);
      expect((await checksOf(fermi)).filter(({ ok }) => !ok)).toEqual([]);
    }, 20_000);

  it("a disk that is full refuses changes, and says so; traffic goes on, and records wait for room", async () => {
    await servesOn();
    disk.fill();
    const large = randomBytes(100_000).toString("base64");
    const change = `mutation { createFunction(input: {name: "large", environment: "node", source: "//${large}"}) { id } }`;
    expect(await refusal(change)).toContain("disk is full");
    await servesOn();
    expect(await checksOf(fermi)).toContainEqual(
      expect.objectContaining({
        name: "disk",
        ok: false,
        message: expect.stringContaining("The disk is full") as unknown,
      }),
    );
    disk.makeRoom();
    await fermi.ok(change);
    await isWell();
  }, 40_000);

  it("a disk without room for the database's log starts the database again, which has ended, once there is some", async () => {
    disk.fill();
    await expect(database.query("SELECT pg_switch_wal(); CREATE TABLE more (room text)")).rejects.toThrow();
    await eventually(() => expect(database.query("SELECT")).rejects.toThrow());
    await servesOn();
    await refusal(setGrace(22));
    disk.makeRoom();
    await eventually(() => fermi.ok(setGrace(23)));
    await isWell();
    const log = await readFile(disk.path("log"), "utf8");
    expect(log).toContain("the disk is full: the embedded database has ended");
  }, 40_000);
});
