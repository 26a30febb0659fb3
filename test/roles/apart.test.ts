/** What a process does that is not what it could be: too early for its store, for its schema, or one too many. */
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { CuttingProxy } from "../records/support/cutting-proxy.js";
import { eventually, launch, startFermi, temporaryFolder } from "../support/harness.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";
import { RoleProcess, type RoleName } from "./support/installation.js";

const steps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of steps.splice(0).reverse()) await step();
});

async function database(): Promise<TestDatabase> {
  const made = await testDatabase();
  steps.push(() => made.drop());
  return made;
}

async function folder(): Promise<string> {
  const made = await temporaryFolder();
  steps.push(() => rm(made, { recursive: true, force: true, maxRetries: 5 }));
  return made;
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

async function aProcess(role: RoleName, env: Record<string, string>): Promise<RoleProcess> {
  const all = {
    FERMI_INTERNAL_SECRET: "a secret that is long enough for all".replaceAll(" ", "-"),
    FERMI_POOLMGR_URL: "http://127.0.0.1:1",
    FERMI_INTERNAL_ROUTER_URL: "http://127.0.0.1:1",
    ...env,
  };
  const process = new RoleProcess(role, () => all, await folder());
  steps.push(() => process.end());
  return process;
}

describe("a process that is a part", () => {
  it.each(["api", "router", "poolmgr", "triggers"] as const)(
    "waits for a store that is away, says so, and starts when it is there: %s",
    async (role) => {
      const { url } = await database();
      const proxy = new CuttingProxy(new URL(url));
      steps.push(() => proxy.stop());
      const proxied = await proxy.start();
      proxy.close();
      const process = await aProcess(role, { DATABASE_URL: proxied });
      await process.start();
      expect((await process.health("healthz"))[0]).toBe(200);
      expect(await process.health("readyz")).toEqual([503, expect.stringMatching(/store|ECONN|routes|connection/i)]);
      expect(process.output()).toContain("the store can't be used yet");
      proxy.open();
      await process.ready();
      expect(process.output().match(/the store can't be used yet/g)?.length).toBeLessThan(4);
      expect(await process.end()).toBe(0);
    },
    60_000,
  );

  it("waits for a schema that is new enough, and is content with a newer one", async () => {
    const { url } = await database();
    await execute(url, "DELETE FROM migration WHERE name LIKE 'Processes%'");
    const process = await aProcess("router", { DATABASE_URL: url });
    await process.start();
    await eventually(() => expect(process.output()).toContain("fermi migrate"));
    expect((await process.health("readyz"))[0]).toBe(503);
    await execute(url, "INSERT INTO migration (timestamp, name) VALUES (1700000000004, 'Processes1700000000004')");
    await execute(url, "INSERT INTO migration (timestamp, name) VALUES (9999999999999, 'Newer9999999999999')");
    await process.ready();
  }, 60_000);

  it("ends with 0 also while it waits", async () => {
    const process = await aProcess("triggers", { DATABASE_URL: "postgres://nobody@127.0.0.1:1/none" });
    await process.start();
    expect(await process.end()).toBe(0);
  }, 30_000);

  it("shows metrics to who has the token only, where there is one", async () => {
    const { url } = await database();
    const token = "a-token-of-many-letters";
    for (const role of ["router", "poolmgr", "triggers", "api"] as const) {
      const process = await aProcess(role, { DATABASE_URL: url, FERMI_ADMIN_TOKEN: token });
      await process.start();
      expect((await process.health("metrics"))[0]).toBe(401);
      expect((await process.health("metrics", { authorization: `Bearer ${token}` }))[0]).toBe(200);
      expect((await process.health("healthz"))[0]).toBe(200);
    }
  }, 60_000);
});

describe("a process that is everything", () => {
  it("wants a database for itself, and says who has it", async () => {
    const { url } = await database();
    const first = await startFermi({ env: { DATABASE_URL: url }, dataDir: await folder() });
    steps.push(() => first.stop());
    const { child, output } = launch({ env: { DATABASE_URL: url } }, await folder());
    const [code] = (await once(child, "exit")) as [number];
    const said = ["another Fermi has this database; waiting", "another Fermi (fermi "];
    expect([code, output().trim().split("\n")]).toEqual([1, said.map((text) => expect.stringContaining(text))]);
    expect(output()).toContain(String(first.process.pid));
    expect((await first.gql("{ server { version } }")).errors).toBeUndefined();
    // What was killed is no hindrance.
    await first.kill();
    const next = await startFermi({ env: { DATABASE_URL: url }, dataDir: await folder() });
    expect(await next.stop()).toBe(0);
  }, 90_000);

  it("wants the database that it brings along for itself too", async () => {
    const dataDir = await folder();
    const first = await startFermi({ dataDir, args: ["--no-examples"] });
    steps.push(() => first.stop());
    const [port] = (await readFile(path.join(dataDir, "postgres/postmaster.pid"), "utf8")).split("\n").slice(3);
    const password = (await readFile(path.join(dataDir, "postgres.password"), "utf8")).trim();
    const url = `postgres://fermi:${password}@127.0.0.1:${port}/postgres`;
    const { child, output } = launch({ env: { DATABASE_URL: url } }, await folder());
    expect(await once(child, "exit")).toEqual([1, null]);
    expect(output()).toContain(`another Fermi (fermi ${first.process.pid}`);
  }, 90_000);
});
