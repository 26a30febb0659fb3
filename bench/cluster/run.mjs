/** Measures on the cluster of KUBECONFIG, and writes to bench/RESULTS.md where all was measured. */
import os from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { connect, ok } from "../http.mjs";
import { createEnvironment, createFunction, deleteFunction, helloSource, poolIsWarm, routed } from "../resources.mjs";
import { format, writeCluster } from "../sections.mjs";
import { now } from "../server.mjs";
import { ms, percentile } from "../stats.mjs";
import { measureBare, measureStarts } from "./bare.mjs";
import { empty, install, kubectl } from "./fermi.mjs";
import { watchDelay } from "./watch.mjs";

const fresh = 30;
const bareRounds = 30;
const atOnce = 50;
const poolSize = 5;
/** After the last pod of the pool has come up: its start is over for the cluster, too. */
const settledMs = 1_000;

const spread = (samples) => `p50 ${ms(percentile(samples, 0.5))}, p95 ${ms(percentile(samples, 0.95))}`;

/** Resolves with the exit code. Where names are given, only what is named is measured. */
export async function runClusterBench(names) {
  const [load] = os.loadavg();
  const fermi = install();
  await empty(fermi);
  await createEnvironment(fermi, poolSize);
  const sections = [];
  const measurements = [coldStarts, manyAtOnce, watchDelay];
  const chosen = measurements.filter(({ name }) => names.length === 0 || names.includes(name));
  for (const measure of chosen) {
    console.error(`bench: ${measure.name} …`);
    sections.push(format(await measure(fermi)));
    console.log(`${sections.at(-1)}\n`);
  }
  await empty(fermi);
  if (names.length > 0) return 0;
  const { serverVersion, items } = {
    ...JSON.parse(kubectl("version", "--output=json")),
    ...JSON.parse(kubectl("get", "nodes", "--output=json")),
  };
  const kubernetes = `Kubernetes ${serverVersion.gitVersion} of ${items.length} node(s), two of each role`;
  writeCluster({ kubernetes, load, remark: process.env.FERMI_BENCH_REMARK }, sections);
  return 0;
}

async function coldStarts(fermi) {
  const connection = connect(fermi.routerUrl);
  const samples = [];
  const warm = [];
  for (let at = 0; at < fresh; at++) {
    const name = `cold-${at}`;
    await createFunction(fermi, name, `// ${name}\n${helloSource}`);
    await routed(connection, name);
    await poolIsWarm(fermi);
    await delay(settledMs);
    await ok(connection, "/-/healthz");
    samples.push((await ok(connection, `/${name}`)).ms);
    for (let call = 0; call < 10; call++) warm.push((await ok(connection, `/${name}`)).ms);
    await deleteFunction(fermi, name);
  }
  connection.close();
  await poolIsWarm(fermi);
  const bare = await measureBare(bareRounds, settledMs);
  return {
    title: "Cold start on Kubernetes",
    note: `First request of each of ${fresh} fresh functions through the router's NodePort, from the first byte sent to the last one received; pool of ${poolSize} pods that have been warm for ${settledMs} ms, one kept connection.`,
    rows: [
      ["first request through the router", spread(samples), "aim: p50 under 10 ms, p95 under 30 ms"],
      ["worst of them", ms(Math.max(...samples)), ""],
      [
        "bare script: specialize, then call, on a known pod",
        spread(bare.start),
        `${bareRounds} fresh pods, kept connections`,
      ],
      ["bare script: the label patch beside it", spread(bare.patch), ""],
      ["bare script: until both are done", spread(bare.both), ""],
      ["the same functions warm, through the router", spread(warm), "10 calls each"],
    ],
  };
}

async function manyAtOnce(fermi) {
  const names = Array.from({ length: atOnce }, (_, at) => `many-${at}`);
  const connections = names.map(() => connect(fermi.routerUrl));
  for (const name of names) await createFunction(fermi, name, `// ${name}\n${helloSource}`);
  for (const [at, name] of names.entries()) await routed(connections[at], name);
  await poolIsWarm(fermi);
  const startedAt = now();
  const answers = await Promise.all(names.map((name, at) => connections[at].request(`/${name}`)));
  const totalMs = now() - startedAt;
  for (const connection of connections) connection.close();
  const failed = answers.filter(({ status }) => status !== 200);
  for (const { status, text } of failed) console.error(`bench: ${status} ${text}`);
  await empty(fermi);
  const startsMs = await measureStarts(atOnce - poolSize);
  return {
    title: `${atOnce} first requests of ${atOnce} functions at once`,
    note: `Each on a connection of its own; pool of ${poolSize} warm pods, so that ${atOnce - poolSize} wait for pods that have yet to start.`,
    rows: [
      ["errors", String(failed.length), "aim: 0"],
      ["answered", spread(answers.map((answer) => answer.ms)), ""],
      ["all answered after", ms(totalMs), ""],
      [`${atOnce - poolSize} such pods of a plain Deployment, until all are ready`, ms(startsMs), "what bounds it"],
    ],
  };
}
