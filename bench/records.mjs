/**
 * What recording and metrics take together: routers before the same instance, one of which does neither. What they cost the
 * router is told from what they cost the database, which has processors of its own elsewhere.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { oneWorker, startFermiApart } from "./fermi-apart.mjs";
import { connect, ok } from "./http.mjs";
import { closedLoop } from "./load/closed-loop.mjs";
import { cpuSeconds } from "./processes.mjs";
import { createEnvironment, createFunction, helloSource, routed } from "./resources.mjs";
import { interleaved, isQuick, rounds, roundSeconds } from "./rounds.mjs";
import { temporaryData, until } from "./server.mjs";
import { median, percent, spread } from "./stats.mjs";

const clients = 32;
const warmUpSeconds = isQuick ? 1 : 5;
const noRecords = ["--import", fileURLToPath(new URL("preload/no-records.mjs", import.meta.url))];
const limit = 0.1;
/** The first is what the others are compared with. */
const contestants = [
  { label: "neither", execArgv: noRecords },
  { label: "both, 1,000 warm successes/s one by one", name: "recording at most 1,000 warm successes/s, and metrics" },
  {
    label: "both, every invocation one by one",
    name: "recording every invocation, and metrics",
    env: { FERMI_RECORD_RATE: "1000000" },
  },
];

export async function records() {
  const data = temporaryData();
  const fermi = await startFermiApart(data.folder);
  try {
    const database = postmaster(path.join(data.folder, "database"));
    const routers = [];
    for (const [at, each] of contestants.entries()) {
      const router = await fermi.startRouter(`router-${at}`, { ...oneWorker, ...each.env }, each.execArgv);
      routers.push({ ...each, ...router, database });
    }
    await createEnvironment(fermi, 1);
    await createFunction(fermi, "hello", helloSource, { requestsPerInstance: 1_000, maxInstances: 1 });
    for (const { url } of routers) {
      const connection = connect(url);
      await routed(connection, "hello");
      await ok(connection, "/hello");
      connection.close();
      await load(url, warmUpSeconds);
      await allStored(url);
    }
    const samples = [...(await interleaved(routers, measure)).values()];
    await expectCounted(routers);
    return report(samples);
  } finally {
    await fermi.stop();
    data.remove();
  }
}

const load = (origin, seconds) => closedLoop({ origin, paths: ["/hello"], clients, seconds });

/** The process that has started all others of the database. */
const postmaster = (folder) =>
  Number(readFileSync(path.join(folder, "postgres", "postmaster.pid"), "utf8").split("\n")[0]);

async function measure({ url, pid, database }) {
  const before = [cpuSeconds(pid), cpuSeconds(database)];
  const { perSecond, answered } = await load(url, roundSeconds);
  await allStored(url);
  const [router, store] = [cpuSeconds(pid), cpuSeconds(database)].map((after, at) => after - before[at]);
  return { perSecond, cpuPerThousand: (1_000 * router) / answered, storePerThousand: (1_000 * store) / answered };
}

/** So that no round pays for another one's records. */
const allStored = (url) =>
  until(
    "all records to be stored",
    async () => {
      const counted = await counters(url);
      return (
        counted("fermi_invocations_total") <=
        ["written", "sampled_out", "dropped"].reduce((sum, how) => sum + counted(`fermi_records_${how}_total`), 0)
      );
    },
    { everyMs: 100 },
  );

/** Sums over all labels, by name. */
async function counters(url) {
  const text = await (await fetch(`${url}/-/metrics`)).text();
  return (name) =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm"))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
}

/** All but the first count, and that one does not: else it is not the difference that was measured. */
async function expectCounted(routers) {
  for (const [at, { url }] of routers.entries()) {
    const total = (await counters(url))("fermi_invocations_total");
    if (total > 0 !== at > 0) throw new Error(`the router "${routers[at].label}" has counted ${total} invocations`);
  }
}

function report(samples) {
  const of = (at, key) => samples[at].map((round) => round[key]);
  const share = (at) => 1 - median(of(at, "perSecond")) / median(of(0, "perSecond"));
  const seconds = (values) => spread(values, (value) => value.toFixed(4));
  return {
    title: "The share of recording and metrics",
    note: `GET of hello, ${clients} clients, routers before one instance; the database is on the same processors. Rounds: ${rounds} of ${roundSeconds} s, in turn; medians, in brackets least and greatest.`,
    tables: [
      {
        head: ["recording and metrics", "requests/s", "share", "CPU s per 1,000 requests", "of the database"],
        rows: contestants.map(({ label }, at) => [
          label,
          spread(of(at, "perSecond")),
          at === 0 ? "" : percent(share(at)),
          seconds(of(at, "cpuPerThousand")),
          seconds(of(at, "storePerThousand")),
        ]),
      },
    ],
    raw: { samples },
    figures: contestants.slice(1).map(({ name }, at) => ({
      what: `${name}: share of throughput`,
      value: percent(share(at + 1)),
      aim: `under ${percent(limit)}`,
      isReached: share(at + 1) < limit,
    })),
  };
}
