import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { repository } from "../support/harness.js";

const run = promisify(execFile);

/** A database without any table. */
interface EmptyDatabase {
  readonly url: string;
  /** On the server, not in this database. */
  execute(statement: string): Promise<void>;
  drop(): Promise<void>;
}

async function emptyDatabase(): Promise<EmptyDatabase> {
  const admin = process.env["FERMI_TEST_PG_URL"] ?? "";
  const name = `fermi_empty_${randomBytes(6).toString("hex")}`;
  const execute = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: admin });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  await execute(`CREATE DATABASE ${name}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  return { url: url.href, execute, drop: () => execute(`DROP DATABASE ${name} WITH (FORCE)`) };
}

/** `fermi migrate` as a process of its own. */
async function migrate(env: Record<string, string>): Promise<{ code: number; stderr: string }> {
  const bare = { PATH: process.env["PATH"], ...env };
  try {
    const { stderr } = await run(process.execPath, [path.join(repository, "dist/main.js"), "migrate"], { env: bare });
    return { code: 0, stderr };
  } catch (error) {
    const { code, stderr } = error as { code: number; stderr: string };
    return { code, stderr };
  }
}

describe("fermi migrate", () => {
  let database: EmptyDatabase;
  beforeAll(async () => {
    database = await emptyDatabase();
  });
  afterAll(() => database.drop());

  it("brings tables up to date once, however many run at once and whatever else is set", async () => {
    // As in a cluster, where it shares the settings of the servers.
    const env = { DATABASE_URL: database.url, FERMI_HOST: "0.0.0.0", FERMI_CLUSTER: "kubernetes", KUBECONFIG: "/gone" };
    const runs = await Promise.all([migrate(env), migrate(env), migrate(env)]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(runs.filter(({ stderr }) => stderr.includes("brought up to date"))).toHaveLength(1);
    expect(await migrate(env)).toEqual({ code: 0, stderr: expect.stringContaining("nothing to migrate") });
  }, 60_000);

  it("ends with 2 where no database is named", async () => {
    expect(await migrate({})).toEqual({ code: 2, stderr: expect.stringMatching(/^fermi: DATABASE_URL must be set/) });
  });

  it("ends with 1 where the database refuses, says why, and keeps its password to itself", async () => {
    const url = new URL(database.url);
    [url.username, url.password] = ["powerless", "hidden"];
    await database.execute("DROP ROLE IF EXISTS powerless");
    await database.execute("CREATE ROLE powerless LOGIN PASSWORD 'hidden'");
    url.pathname = "/postgres";
    const { code, stderr } = await migrate({ DATABASE_URL: url.href });
    await database.execute("DROP ROLE powerless");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^fermi: .*\/postgres could not be migrated: permission denied.*\n$/),
    });
    expect(stderr).not.toContain("hidden");
  });
});
