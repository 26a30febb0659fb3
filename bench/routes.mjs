/** Ten, a thousand and ten thousand routes: the match itself in process, and calls through three routers that have them. */
import path from "node:path";
import pg from "pg";
import { oneWorker, startFermiApart } from "./fermi-apart.mjs";
import { connect } from "./http.mjs";
import { closedLoop } from "./load/closed-loop.mjs";
import { cpuSeconds, residentMib } from "./processes.mjs";
import { createEnvironment, createFunction, helloSource, routed } from "./resources.mjs";
import { interleaved, isQuick, rounds, roundSeconds } from "./rounds.mjs";
import { now, temporaryData } from "./server.mjs";
import { count, median, percent, spread } from "./stats.mjs";

const sizes = [10, 1_000, 10_000];
const clients = 32;
const slots = 1_000;
const called = 10;
const warmUpSeconds = isQuick ? 1 : 8;
const matches = isQuick ? 200_000 : 2_000_000;
const limitNs = 2_000;

/** Half of them plain, half templates. */
const template = (at) => (at % 2 === 0 ? `/r-${at}` : `/r-${at}/{order}/items`);
const example = (at) => template(at).replace("{order}", "42");

export async function routes() {
  const matchNs = await matchAll();
  const data = temporaryData();
  const stops = [() => data.remove()];
  try {
    const routers = [];
    for (const size of sizes) routers.push(await startWith(size, path.join(data.folder, String(size)), stops));
    for (const router of routers) await load(router, warmUpSeconds);
    const samples = await interleaved(routers, measure);
    return report(
      matchNs,
      [...samples].map(([{ size }, found]) => ({ size, rounds: found })),
    );
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** The routes are written into the store before the router begins: how long ten thousand mutations take is not the question. */
async function startWith(size, folder, stops) {
  const fermi = await startFermiApart(folder);
  stops.push(() => fermi.stop());
  await createEnvironment(fermi, 1);
  await createFunction(fermi, "hello", helloSource, { requestsPerInstance: slots });
  await copyRoute(fermi.database.url, size);
  const router = await fermi.startRouter("router", oneWorker);
  const connection = connect(router.url);
  await routed(connection, "hello");
  connection.close();
  return { ...router, size };
}

/** Makes `size` routes like the one that is there. */
async function copyRoute(databaseUrl, size) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      `INSERT INTO http_trigger SELECT (jsonb_populate_record(route, jsonb_build_object(
       'id', gen_random_uuid(), 'name', 'r-' || paths.ordinality, 'path', paths.path
     ))).* FROM http_trigger route, unnest($1::text[]) WITH ORDINALITY AS paths (path, ordinality)`,
      [Array.from({ length: size }, (_, at) => template(at))],
    );
  } finally {
    await client.end();
  }
}

/** Ten of its routes in turn, from the first to the last. */
const load = ({ url, size }, seconds) =>
  closedLoop({
    origin: url,
    paths: Array.from({ length: called }, (_, at) => example(Math.floor((at * size) / called))),
    ...{ clients, seconds },
  });

async function measure(router) {
  const before = cpuSeconds(router.pid);
  const { perSecond, answered, errors } = await load(router, roundSeconds);
  return {
    ...{ perSecond, errors },
    cpuPerThousand: (1_000 * (cpuSeconds(router.pid) - before)) / answered,
    residentMib: residentMib(router.pid),
  };
}

/** Mean nanoseconds of the router's own match for each number of routes, round by round. */
async function matchAll() {
  const { buildRouteTable } = await import("../dist/router/route-table.js");
  const { match } = await import("../dist/router/match.js");
  const tables = sizes.map((size) => ({ size, table: buildRouteTable(snapshotOf(size)), lines: linesOf(size) }));
  const run = ({ size, table, lines }) => {
    const startedAt = now();
    for (let at = 0; at < matches; at++)
      if (match(table, lines[at % size]).type !== "FOUND") throw new Error("a route was not found");
    return (1e6 * (now() - startedAt)) / matches;
  };
  tables.forEach(run);
  const samples = await interleaved(tables, run);
  return [...samples.values()];
}

const linesOf = (size) =>
  Array.from({ length: size }, (_, at) => ({ method: "GET", host: "localhost", path: example(at) }));

function snapshotOf(size) {
  const at = new Date(0);
  const resource = { namespace: "default", revision: 1, createdAt: at, updatedAt: at };
  const settings = {
    timeoutSeconds: 60,
    requestsPerInstance: 1,
    minInstances: 0,
    maxInstances: 9,
    idleTimeoutSeconds: 120,
  };
  const fn = {
    ...{ ...resource, id: "f", name: "hello", environmentId: "e", currentVersionId: "v", currentVersionNumber: 1 },
    ...{ settings, contract: "FERMI" },
  };
  const triggers = Array.from({ length: size }, (_, index) => ({
    ...{ ...resource, id: `t${index}`, name: `r-${index}`, kind: "HTTP", functionId: "f", enabled: true },
    ...{ methods: ["GET"], path: template(index), host: null, cors: null, mode: "SYNC" },
  }));
  return { functions: [fn], triggers };
}

function report(matchNs, results) {
  const of = (found, key) => found.map((round) => round[key]);
  const rate = (found) => median(of(found, "perSecond"));
  return {
    title: "10, 1,000 and 10,000 routes",
    note: `Half of the routes are plain paths, half templates, all of one function. Match: in process, ${count(matches)} times a round over all routes, mean of a round. Over HTTP: three routers, one for each number, ${clients} clients, ${called} routes in turn. Rounds: ${rounds} of ${roundSeconds} s, in turn; medians, in brackets least and greatest.`,
    tables: [
      {
        head: [
          "routes",
          "match, ns",
          "requests/s",
          "of that with 10",
          "CPU s per 1,000 requests",
          "resident MiB",
          "errors",
        ],
        rows: results.map(({ size, rounds: found }, at) => [
          count(size),
          spread(matchNs[at]),
          spread(of(found, "perSecond")),
          percent(rate(found) / rate(results[0].rounds)),
          spread(of(found, "cpuPerThousand"), (value) => value.toFixed(3)),
          count(median(of(found, "residentMib"))),
          count(of(found, "errors").reduce((sum, errors) => sum + errors, 0)),
        ]),
      },
    ],
    raw: { results, matchNs },
    figures: [sizes[0], sizes.at(-1)].map((size) => {
      const value = median(matchNs[sizes.indexOf(size)]);
      return {
        what: `matching one of ${count(size)} routes`,
        value: `${count(value)} ns`,
        aim: "under 2 µs",
        isReached: value < limitNs,
      };
    }),
  };
}
