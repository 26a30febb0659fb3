/** What recording and metrics take together: two routers before the same instance, one of which does neither. */
import { fileURLToPath } from "node:url";
import { oneWorker, startFermiApart } from "./fermi-apart.mjs";
import { connect, ok } from "./http.mjs";
import { closedLoop } from "./load/closed-loop.mjs";
import { cpuSeconds } from "./processes.mjs";
import { createEnvironment, createFunction, helloSource, routed } from "./resources.mjs";
import { interleaved, isQuick, rounds, roundSeconds } from "./rounds.mjs";
import { temporaryData } from "./server.mjs";
import { median, percent, spread } from "./stats.mjs";

const clients = 32;
const warmUpSeconds = isQuick ? 1 : 10;
const without = ["--import", fileURLToPath(new URL("preload/no-records.mjs", import.meta.url))];
const limit = 0.1;

export async function records() {
  const data = temporaryData();
  const fermi = await startFermiApart(data.folder);
  try {
    const routers = [
      { label: "with recording and metrics", ...(await fermi.startRouter("with", oneWorker)) },
      { label: "without", ...(await fermi.startRouter("without", oneWorker, without)) },
    ];
    await createEnvironment(fermi, 1);
    await createFunction(fermi, "hello", helloSource, { requestsPerInstance: 1_000, maxInstances: 1 });
    for (const { url } of routers) {
      const connection = connect(url);
      await routed(connection, "hello");
      await ok(connection, "/hello");
      connection.close();
      await load(url, warmUpSeconds);
    }
    const samples = [...(await interleaved(routers, measure)).values()];
    await expectCounted(routers);
    return report(routers, samples);
  } finally {
    await fermi.stop();
    data.remove();
  }
}

const load = (origin, seconds) => closedLoop({ origin, paths: ["/hello"], clients, seconds });

async function measure({ url, pid }) {
  const before = cpuSeconds(pid);
  const { perSecond, answered } = await load(url, roundSeconds);
  return { perSecond, cpuPerThousand: (1_000 * (cpuSeconds(pid) - before)) / answered };
}

/** One of them counts, and the other one does not: else it is not the difference that was measured. */
async function expectCounted(routers) {
  const counts = [];
  for (const { url } of routers) {
    const text = await (await fetch(`${url}/-/metrics`)).text();
    counts.push(/^fermi_invocations_total\{.*\} [1-9]/m.test(text));
  }
  if (counts[0] === counts[1]) throw new Error("both routers have counted, or neither has");
}

function report(routers, samples) {
  const of = (at, key) => samples[at].map((round) => round[key]);
  const share = 1 - median(of(0, "perSecond")) / median(of(1, "perSecond"));
  const cpuShare = 1 - median(of(1, "cpuPerThousand")) / median(of(0, "cpuPerThousand"));
  return {
    title: "The share of recording and metrics",
    note: `GET of hello, ${clients} clients, two routers before one instance. Rounds: ${rounds} of ${roundSeconds} s, in turn; medians, in brackets least and greatest.`,
    tables: [
      {
        head: ["", "requests/s", "CPU s per 1,000 requests"],
        rows: [
          ...routers.map(({ label }, at) => [
            label,
            spread(of(at, "perSecond")),
            spread(of(at, "cpuPerThousand"), (value) => value.toFixed(3)),
          ]),
          ["recording and metrics", percent(share), percent(cpuShare)],
        ],
      },
    ],
    raw: { samples },
    figures: [
      {
        what: "recording and metrics, share of throughput",
        value: percent(share),
        aim: `under ${percent(limit)}`,
        isReached: share < limit,
      },
    ],
  };
}
