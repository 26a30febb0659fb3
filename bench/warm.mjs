/**
 * What the router costs: the same code on an instance of the platform, called through the router, and on a runtime of
 * its own, called directly. Rounds alternate, so that whatever else the machine does hits both; medians are compared.
 */
import autocannon from "autocannon";
import { connect, ok } from "./http.mjs";
import { createEnvironment, createFunction, helloSource, poolIsWarm, routed } from "./resources.mjs";
import { startRuntime, startServer, temporaryData } from "./server.mjs";
import { count, median, ms } from "./stats.mjs";

const rounds = 5;
const seconds = 3;
const connections = 32;

export async function warm() {
  const data = temporaryData();
  const server = await startServer(data.folder);
  const runtime = await startRuntime();
  try {
    await createEnvironment(server, 1);
    const name = "warm";
    await createFunction(server, name, helloSource, { requestsPerInstance: connections, maxInstances: 1 });
    const connection = connect(server.routerUrl);
    await routed(connection, name);
    await ok(connection, `/${name}`);
    await poolIsWarm(server, 1);
    connection.close();
    await specialize(runtime);
    const ways = {
      router: { url: `${server.routerUrl}/${name}` },
      direct: { url: `${runtime.url}/${name}`, headers: { "x-fermi-key": runtime.key } },
    };
    for (const way of Object.values(ways)) await load(way, connections, 1);
    const one = await compare(ways, 1, ({ latency }) => latency);
    const many = await compare(ways, connections, ({ requests }) => requests);
    return report(one, many, server.residentMib());
  } finally {
    await runtime.stop();
    await server.stop();
    data.remove();
  }
}

async function specialize(runtime) {
  const connection = connect(runtime.url);
  const body = JSON.stringify(runtime.specialization(helloSource, connections));
  await ok(connection, "/specialize", { method: "POST", headers: { "content-type": "application/json" }, body });
  connection.close();
}

async function load({ url, headers = {} }, clients, duration) {
  const result = await autocannon({ url, headers, connections: clients, duration });
  const bad = result.errors + result.timeouts + result.non2xx;
  if (bad > 0) throw new Error(`${bad} of the requests to ${url} failed`);
  // Autocannon's own latencies are whole milliseconds; with one client at a time the mean is finer.
  return { latency: (1000 * clients) / result.requests.average, requests: result.requests.average };
}

async function compare(ways, clients, read) {
  const samples = { router: [], direct: [] };
  for (let round = 0; round < rounds; round++) {
    for (const way of ["direct", "router"]) samples[way].push(read(await load(ways[way], clients, seconds)));
  }
  return { router: median(samples.router), direct: median(samples.direct) };
}

function report(one, many, memory) {
  return {
    title: "Warm calls",
    note: `One function on one instance; ${rounds} alternating rounds of ${seconds} s each way, medians. Client, router and instance share the machine.`,
    rows: [
      ["latency, one request at a time, directly", ms(one.direct), "mean of a round"],
      ["latency, one request at a time, through the router", ms(one.router), `${ms(one.router - one.direct)} more`],
      [`requests/s, ${connections} connections, directly`, count(many.direct), ""],
      [
        `requests/s, ${connections} connections, through the router`,
        count(many.router),
        `${((100 * many.router) / many.direct).toFixed(0)} % of direct`,
      ],
      ...(memory === null ? [] : [["resident memory of the server afterwards", `${count(memory)} MiB`, ""]]),
    ],
  };
}
