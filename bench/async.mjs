/** How many asynchronous invocations are acknowledged and completed each second, beside bare inserts into the same database. */
import { randomUUID } from "node:crypto";
import os from "node:os";
import path from "node:path";
import pg from "pg";
import { startEmbeddedPostgres } from "../dist/store/embedded-postgres.js";
import { createEnvironment, createFunction } from "./resources.mjs";
import { now, startServer, temporaryData, until } from "./server.mjs";

const count = 5_000;
const clients = 64;
const body = "x".repeat(200);
const source = `module.exports = async () => ({ status: 200, body: "done" });\n`;

const perSecond = (items, ms) => Math.round((items * 1_000) / ms).toLocaleString("en-US");

/** One statement, one row, one commit after another: what the disk and the database allow a single writer. */
async function bareInserts(client, inserts) {
  await client.query(
    "CREATE TABLE bare (id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), body bytea NOT NULL)",
  );
  const startedAt = now();
  for (let left = inserts; left > 0; left--) {
    await client.query("INSERT INTO bare (id, body) VALUES ($1, $2)", [randomUUID(), Buffer.from(body)]);
  }
  const ms = now() - startedAt;
  await client.query("DROP TABLE bare");
  return ms;
}

async function measure(client, server) {
  const insertMs = await bareInserts(client, count / 2);
  await createEnvironment(server);
  await createFunction(server, "later", source, { requestsPerInstance: 8, maxInstances: 2 });
  await server.gql(
    `mutation { createHttpTrigger(input: { function: "later", path: "/async", methods: ["POST"], mode: ASYNC }) { id } }`,
  );
  const url = `${server.routerUrl}/async`;
  await enqueue(url);
  const startedAt = now();
  let left = count;
  const work = async () => {
    while (left-- > 0) await enqueue(url);
  };
  await Promise.all(Array.from({ length: clients }, work));
  const acknowledgedMs = now() - startedAt;
  const ended = async () => {
    const { rows } = await client.query(
      "SELECT count(*) FILTER (WHERE state = 'SUCCEEDED')::integer AS done FROM async_invocation",
    );
    return rows[0].done === count + 1;
  };
  await until("all to have succeeded", ended, { deadlineMs: 300_000, everyMs: 50 });
  return {
    insertMs,
    acknowledgedMs,
    completedMs: now() - startedAt,
    insertAgainMs: await bareInserts(client, count / 2),
  };
}

export async function asynchronous() {
  const load = os.loadavg()[0].toFixed(1);
  const data = temporaryData();
  const database = await startEmbeddedPostgres({ dataDir: path.join(data.folder, "database") });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const server = await startServer(data.folder, { DATABASE_URL: database.url, FERMI_MAX_INSTANCES: "16" });
  try {
    const { insertMs, acknowledgedMs, completedMs, insertAgainMs } = await measure(client, server);
    return {
      title: "Asynchronous invocations",
      note: `${count} requests of ${body.length} bytes to an ASYNC route from ${clients} clients; the function answers at once, in 2 instances of 8 requests each; workers, router, API, pool manager and clients share the machine. Commits reach the disk. Load average before: ${load}.`,
      rows: [
        [
          "acknowledged/s (202 after the commit)",
          perSecond(count, acknowledgedMs),
          "while workers run what was acknowledged",
        ],
        ["completed/s", perSecond(count, completedMs), "from the first request to the last end"],
        [
          "bare INSERTs/s, one connection, before and after",
          `${perSecond(count / 2, insertMs)}, ${perSecond(count / 2, insertAgainMs)}`,
          "same database, same row size",
        ],
      ],
    };
  } finally {
    await server.stop();
    await client.end();
    await database.stop();
    data.remove();
  }
}

async function enqueue(url) {
  const response = await fetch(url, { method: "POST", body });
  await response.arrayBuffer();
  if (response.status !== 202) throw new Error(`${response.status} instead of 202`);
}
