/**
 * The router in one process and in two: how much goes through it, what that costs, and what a cold start and a slot that is
 * wanted elsewhere take through a worker. Whole servers side by side, measured in turn.
 */
import { connect, ok } from "./http.mjs";
import { startFermiApart, workers } from "./fermi-apart.mjs";
import { closedLoop, closedLoopTool } from "./load/closed-loop.mjs";
import { cpuSeconds, residentMib } from "./processes.mjs";
import { createEnvironment, createFunction, deleteFunction, helloSource, poolIsWarm, routed } from "./resources.mjs";
import { interleaved, isQuick, rounds, roundSeconds } from "./rounds.mjs";
import { startServer, temporaryData } from "./server.mjs";
import { count, median, ms, percentile, spread, times } from "./stats.mjs";

const counts = [1, 2];
const coldPerRound = isQuick ? 3 : 10;
const callsPerRound = isQuick ? 50 : 300;
const clients = 32;
/** For each of its processes: only then have compilers seen enough. */
const warmUpRequests = isQuick ? 1_000 : 40_000;
const warmUpRounds = 20;
/** Enough for all clients at each of the processes that take part. */
const slots = 200;

export async function routerWorkers() {
  const forwarding = await measureForwarding();
  const starts = await measureStarts();
  return report(forwarding, starts);
}

/** Routers apart, so that what they use can be told from the rest. */
async function measureForwarding() {
  const data = temporaryData();
  const fermi = await startFermiApart(data.folder);
  try {
    await createEnvironment(fermi);
    await createFunction(fermi, "hello", helloSource, { requestsPerInstance: slots, minInstances: 1 });
    const routers = [];
    for (const of of counts) routers.push({ of, ...(await fermi.startRouter(`router-${of}`, workers(of))) });
    for (const { url, of } of routers) {
      const connection = connect(url);
      await routed(connection, "hello");
      connection.close();
      await warmUp(url, of * warmUpRequests);
    }
    const samples = await interleaved(routers, forward);
    return [...samples].map(([{ of }, taken]) => ({ of, taken }));
  } finally {
    await fermi.stop();
    data.remove();
  }
}

async function warmUp(url, requests) {
  let answered = 0;
  for (let round = 0; round < warmUpRounds && answered < requests; round++) {
    answered += (await load(url, roundSeconds)).answered;
  }
}

const load = (origin, seconds) => closedLoop({ origin, paths: ["/hello"], clients, seconds });

async function forward({ url, pid }) {
  const before = cpuSeconds(pid);
  const { perSecond, answered, p50Ms, p99Ms, errors } = await load(url, roundSeconds);
  const used = before === null ? null : cpuSeconds(pid) - before;
  const cpuPerThousand = used === null ? null : (1_000 * used) / answered;
  return { perSecond, cpuPerThousand, p50Ms, p99Ms, errors, residentMib: residentMib(pid) };
}

/** Whole servers, as `npm start` has them: with one worker the router is in the process of the pool manager. */
async function measureStarts() {
  const servers = [];
  try {
    for (const of of counts) servers.push(await startWhole(of));
    const samples = await interleaved(servers, starting);
    return [...samples].map(([{ of }, taken]) => ({
      of,
      cold: taken.flatMap(({ cold }) => cold),
      alone: taken.map(({ alone }) => alone),
      inTurn: taken.map(({ inTurn }) => inTurn),
    }));
  } finally {
    for (const { server, data } of servers) {
      await server.stop();
      data.remove();
    }
  }
}

async function startWhole(of) {
  const data = temporaryData();
  const server = await startServer(data.folder, workers(of));
  await createEnvironment(server);
  await createFunction(server, "single", helloSource, { maxInstances: 1, minInstances: 1 });
  const connection = connect(server.routerUrl);
  await routed(connection, "single");
  await ok(connection, "/single");
  connection.close();
  return { of, server, data };
}

const starting = async ({ server }) => ({ cold: await coldStarts(server), ...(await turns(server)) });

async function coldStarts(server) {
  const connection = connect(server.routerUrl);
  const samples = [];
  for (let at = 0; at < coldPerRound; at++) {
    const name = `cold-${at}`;
    await createFunction(server, name, `// ${name} ${Math.random()}\n${helloSource}`);
    await routed(connection, name);
    await poolIsWarm(server, 1);
    await ok(connection, "/-/healthz");
    samples.push((await ok(connection, `/${name}`)).ms);
    await deleteFunction(server, name);
  }
  connection.close();
  return samples;
}

/** Calls of a function that has one slot in all: by one connection again and again, and by two that take turns. */
async function turns(server) {
  const both = [connect(server.routerUrl), connect(server.routerUrl)];
  // Open at once, so that with workers each is another one's.
  await Promise.all(both.map((connection) => ok(connection, "/-/healthz")));
  const alone = [];
  const inTurn = [];
  for (let at = 0; at < callsPerRound; at++) alone.push((await ok(both[0], "/single")).ms);
  for (let at = 0; at < callsPerRound; at++) inTurn.push((await ok(both[at % 2], "/single")).ms);
  for (const connection of both) connection.close();
  return { alone: median(alone), inTurn: median(inTurn) };
}

function report(forwarding, starts) {
  const [one, two] = forwarding;
  const of = ({ taken }, key) => taken.map((round) => round[key]);
  const each = (key, show) => [spread(of(one, key), show), spread(of(two, key), show)];
  const fine = (value) => value.toFixed(3);
  const ratio = one.taken.map(({ perSecond }, at) => two.taken[at].perSecond / perSecond);
  const shownCold = ({ cold }) => `${ms(percentile(cold, 0.5))}, ${ms(percentile(cold, 0.95))}`;
  return {
    title: "The router in several processes",
    note: `Median and range of ${rounds} rounds, in turn (${closedLoopTool}); ${clients} clients, a function in one instance, all on this machine. Cold starts and turns through a whole server, where one worker is the process itself.`,
    tables: [
      {
        head: ["", "one process", "two workers"],
        rows: [
          ["warm requests/s", ...each("perSecond", count)],
          ["of one process, round by round", "", spread(ratio, times)],
          ["CPU s of all its processes per 1,000 requests", ...each("cpuPerThousand", fine)],
          ["p99", ...each("p99Ms", ms)],
          ["errors", ...each("errors", count)],
          ["resident MiB of all its processes", ...each("residentMib", count)],
          [`cold start: p50, p95 of ${starts[0].cold.length}`, ...starts.map(shownCold)],
          ["one slot in all, one connection", ...starts.map(({ alone }) => spread(alone, ms))],
          ["one slot in all, two connections in turn", ...starts.map(({ inTurn }) => spread(inTurn, ms))],
        ],
      },
    ],
    raw: { forwarding, starts },
  };
}
