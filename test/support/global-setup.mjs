/**
 * One database server for the whole run: an embedded one in a temporary folder, or the system's PostgreSQL in one where
 * FERMI_TEST_POSTGRES is `system`, or the server that FERMI_TEST_DATABASE_URL names. A template database is migrated once; each test file clones it (test-database.ts).
 */
import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";

const root = fileURLToPath(new URL("../..", import.meta.url));

async function newest(folder, suffix) {
  const times = [0];
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])) {
    if (entry.name.endsWith(suffix)) times.push((await stat(path.join(entry.parentPath, entry.name))).mtimeMs);
  }
  return Math.max(...times);
}

/** The server is started by the built code, so a build that is behind the sources is renewed first. */
async function ensureBuilt() {
  for (const part of ["store", "model", "errors", "lib"]) {
    if ((await newest(`${root}/src/${part}`, ".ts")) <= (await newest(`${root}/dist/${part}`, ".js"))) continue;
    const tsc = [`${root}/node_modules/typescript/bin/tsc`, "-p", `${root}/tsconfig.json`, "--incremental", "false"];
    // The types are checked by `npm run types`; a fault in another folder does not hinder these tests.
    execFileSync(process.execPath, [...tsc, "--noCheck"], { stdio: "inherit" });
    return;
  }
}

async function startServer() {
  const given = process.env.FERMI_TEST_DATABASE_URL;
  if (given !== undefined) return { url: given, stop: async () => {} };
  const { startTemporaryPostgres } = await import("./temporary-postgres.mjs");
  return startTemporaryPostgres({ isSystem: process.env.FERMI_TEST_POSTGRES === "system" });
}

async function makeTemplate(adminUrl, name) {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const { migrate } = await import("../../dist/store/migrate.js");
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  await migrate(url.href);
}

export default async function globalSetup() {
  await ensureBuilt();
  const server = await startServer();
  const template = `fermi_template_${randomBytes(6).toString("hex")}`;
  globalThis.fermiTestServer = { ...server, template };
  await makeTemplate(server.url, template);
  process.env.FERMI_TEST_PG_URL = server.url;
  process.env.FERMI_TEST_PG_TEMPLATE = template;
}
