/**
 * First requests at once of one cold function: as many instances start as are needed, all together, and none of the
 * requests fails.
 */
import { createEnvironment, createFunction, deleteFunction, poolIsWarm, routed } from "./resources.mjs";
import { connect } from "./http.mjs";
import { rounds } from "./rounds.mjs";
import { now, startServer, temporaryData } from "./server.mjs";
import { count, percentile, spread, spreadMs } from "./stats.mjs";

const bursts = [
  { clients: 100, perInstance: 10 },
  { clients: 500, perInstance: 50 },
];
const workMs = 100;
const source = `module.exports = async () => {
  await new Promise((resolve) => setTimeout(resolve, ${workMs}));
  return { status: 200, body: String(process.pid) };
};\n`;

export async function burst() {
  const data = temporaryData();
  const server = await startServer(data.folder);
  try {
    await createEnvironment(server);
    const results = bursts.map((each) => ({ ...each, found: [] }));
    for (let round = 0; round < rounds; round++) {
      for (const each of results) each.found.push(await measure(server, each, `burst-${each.clients}-${round}`));
    }
    return report(results);
  } finally {
    await server.stop();
    data.remove();
  }
}

async function measure(server, { clients, perInstance }, name) {
  await createFunction(server, name, `// ${name}\n${source}`, { requestsPerInstance: perInstance });
  const connection = connect(server.routerUrl);
  await routed(connection, name);
  connection.close();
  await poolIsWarm(server);
  const startedAt = now();
  const answers = await Promise.all(Array.from({ length: clients }, () => call(`${server.routerUrl}/${name}`)));
  const totalMs = now() - startedAt;
  const { function: fn } = await server.gql(`query ($name: String!) { function(name: $name) { instances { id } } }`, {
    name,
  });
  await deleteFunction(server, name);
  const served = answers.filter(({ status }) => status === 200);
  return {
    errors: clients - served.length,
    served: new Set(served.map(({ text }) => text)).size,
    instances: fn.instances.length,
    p50: percentile(
      answers.map((answer) => answer.ms),
      0.5,
    ),
    p95: percentile(
      answers.map((answer) => answer.ms),
      0.95,
    ),
    totalMs,
  };
}

async function call(url) {
  const startedAt = now();
  try {
    const response = await fetch(url);
    const text = await response.text();
    return { status: response.status, text, ms: now() - startedAt };
  } catch (error) {
    return { status: error.message, text: "", ms: now() - startedAt };
  }
}

function report(results) {
  const of = (found, key) => found.map((round) => round[key]);
  const errorsOf = (found) => of(found, "errors").reduce((sum, errors) => sum + errors, 0);
  return {
    title: "First requests at once of a cold function",
    note: `The function takes ${workMs} ms; 3 warm instances in the pool. ${rounds} fresh functions each, in turn; medians, in brackets least and greatest.`,
    tables: [
      {
        head: [
          "clients",
          "requestsPerInstance",
          "errors",
          "instances that served",
          "instances afterwards",
          "p50",
          "p95",
          "all answered after",
        ],
        rows: results.map(({ clients, perInstance, found }) => [
          count(clients),
          count(perInstance),
          count(errorsOf(found)),
          ...["served", "instances"].map((key) => spread(of(found, key))),
          ...["p50", "p95", "totalMs"].map((key) => spreadMs(of(found, key))),
        ]),
      },
    ],
    raw: { results },
    figures: results.map(({ clients, perInstance, found }) => ({
      what: `cold burst: ${clients} clients on one cold function, ${perInstance} to an instance: errors`,
      value: count(errorsOf(found)),
      aim: "0",
      isReached: errorsOf(found) === 0,
    })),
  };
}
