/**
 * The first request of a fresh function while its environment's pool is warm, beside what bounds it from below:
 * two loopback round trips (code to the instance, request to the instance) and a compile.
 */
import vm from "node:vm";
import { connect, ok } from "./http.mjs";
import { isQuick } from "./rounds.mjs";
import { createEnvironment, createFunction, deleteFunction, helloSource, poolIsWarm, routed } from "./resources.mjs";
import { startRuntime, specialize } from "./instance.mjs";
import { now, startServer, temporaryData } from "./server.mjs";
import { median, ms, percentile } from "./stats.mjs";

const functions = isQuick ? 5 : 50;
const aloneRounds = 10;
const settleMs = 3_000;
const aims = [
  { p: 0.5, name: "p50", limitMs: 5 },
  { p: 0.95, name: "p95", limitMs: 10 },
];

export async function coldStart() {
  const data = temporaryData();
  const server = await startServer(data.folder);
  const connection = connect(server.routerUrl);
  try {
    await createEnvironment(server);
    const samples = [];
    for (let at = 0; at < functions; at++) samples.push(await measureOne(server, connection, `cold-${at}`));
    const warm = await measureWarm(server, connection);
    const limit = 2 * warm.direct + compileMs();
    const alone = await measureAlone();
    const shown = (values) => `p50 ${ms(percentile(values, 0.5))}, p95 ${ms(percentile(values, 0.95))}`;
    return {
      title: "Cold start",
      note: `First request of each of ${functions} fresh functions, pool of 3 warm instances, one kept connection.`,
      rows: [
        ["first request through the router", shown(samples), ""],
        ["worst of them", ms(Math.max(...samples)), ""],
        ["limit: two warm round trips and a compile", ms(limit), `round trip ${ms(warm.direct)}`],
        ["the runtime alone: specialize, then call, directly", shown(alone), `${aloneRounds} fresh processes`],
        ["the same function warm, through the router", ms(warm.router), "median of 200"],
      ],
      raw: { samples, alone, warm, limit },
      figures: aims.map(({ p, name, limitMs }) => ({
        what: `cold start, pool warm: ${name}`,
        value: ms(percentile(samples, p)),
        aim: `under ${limitMs} ms`,
        isReached: percentile(samples, p) < limitMs,
      })),
    };
  } finally {
    connection.close();
    await server.stop();
    data.remove();
  }
}

async function measureOne(server, connection, name) {
  await createFunction(server, name, `// ${name}\n${helloSource}`);
  await routed(connection, name);
  await poolIsWarm(server);
  await ok(connection, "/-/healthz");
  const { ms: sample } = await ok(connection, `/${name}`);
  await deleteFunction(server, name);
  return sample;
}

/** Medians of one request at a time: through the router, and straight to an instance of the same code. */
async function measureWarm(server, connection) {
  await createFunction(server, "warm", helloSource);
  await routed(connection, "warm");
  const runtime = await startRuntime();
  const direct = connect(runtime.url);
  try {
    await specialize(direct, runtime, helloSource);
    const { headers } = runtime;
    const samples = { router: [], direct: [] };
    for (let at = 0; at < 250; at++) {
      const pair = [await ok(connection, "/warm"), await ok(direct, "/warm", { headers })];
      // The first ones warm the compiler up.
      if (at < 50) continue;
      samples.router.push(pair[0].ms);
      samples.direct.push(pair[1].ms);
    }
    return { router: median(samples.router), direct: median(samples.direct) };
  } finally {
    direct.close();
    await runtime.stop();
  }
}

async function measureAlone() {
  const runtimes = await Promise.all(Array.from({ length: aloneRounds }, () => startRuntime()));
  // They warm themselves up after they listen; those of a pool had the time for it.
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const samples = [];
  for (const runtime of runtimes) {
    const connection = connect(runtime.url);
    await ok(connection, "/-/healthz");
    const first = await specialize(connection, runtime, helloSource);
    const { ms: second } = await ok(connection, "/", { headers: runtime.headers });
    samples.push(first + second);
    connection.close();
    await runtime.stop();
  }
  return samples;
}

/** Compiling and running the source once, as a module is: text that was never seen before each time. */
function compileMs() {
  return median(
    Array.from({ length: 50 }, (_, at) => {
      const startedAt = now();
      vm.compileFunction(`// ${at}\n${helloSource}`, ["module", "exports"])({ exports: {} }, {});
      return now() - startedAt;
    }),
  );
}
