/** One function and a hundred, each with an instance of its own: what it costs the router to keep them apart. */
import { oneWorker, startFermiApart } from "./fermi-apart.mjs";
import { connect, ok } from "./http.mjs";
import { closedLoop } from "./load/closed-loop.mjs";
import { cpuSeconds, residentMib } from "./processes.mjs";
import { createEnvironment, createFunction, helloSource, routed } from "./resources.mjs";
import { interleaved, isQuick, rounds, roundSeconds } from "./rounds.mjs";
import { temporaryData } from "./server.mjs";
import { count, median, percent, spread } from "./stats.mjs";

const many = isQuick ? 5 : 100;
const clients = 32;
const warmUpSeconds = isQuick ? 1 : 8;
const settings = { requestsPerInstance: clients, maxInstances: 1, idleTimeoutSeconds: 3_600 };

const names = Array.from({ length: many }, (_, at) => `fn-${at}`);
const paths = names.map((name) => `/${name}`);
const ways = [
  { label: "one function", paths: paths.slice(0, 1) },
  { label: `${many} functions in turn`, paths },
];

export async function functions() {
  const data = temporaryData();
  const fermi = await startFermiApart(data.folder, { FERMI_MAX_INSTANCES: String(many + 10) });
  try {
    const router = await fermi.startRouter("router", oneWorker);
    await createEnvironment(fermi, 3);
    const connection = connect(router.url);
    for (const name of names) {
      await createFunction(fermi, name, helloSource, settings);
      await routed(connection, name);
      await ok(connection, `/${name}`);
    }
    connection.close();
    const load = (way, seconds) => closedLoop({ origin: router.url, paths: way.paths, clients, seconds });
    await load(ways[1], warmUpSeconds);
    const samples = await interleaved(ways, async (way) => {
      const before = cpuSeconds(router.pid);
      const found = await load(way, roundSeconds);
      const used = cpuSeconds(router.pid) - before;
      return { ...found, cpuPerThousand: (1_000 * used) / found.answered, residentMib: residentMib(router.pid) };
    });
    return report([...samples].map(([{ label }, found]) => ({ label, rounds: found })));
  } finally {
    await fermi.stop();
    data.remove();
  }
}

function report(results) {
  const of = (found, key) => found.map((round) => round[key]);
  const rate = (found) => median(of(found, "perSecond"));
  return {
    title: `One function and ${many}`,
    note: `Each of the functions has one instance with ${clients} slots; ${clients} clients. Rounds: ${rounds} of ${roundSeconds} s, in turn; medians, in brackets least and greatest. With many functions each one's process is called seldom, which costs the machine more than the router.`,
    tables: [
      {
        head: ["", "requests/s", "of that with one", "CPU s per 1,000 requests", "resident MiB", "errors"],
        rows: results.map(({ label, rounds: found }) => [
          label,
          spread(of(found, "perSecond")),
          percent(rate(found) / rate(results[0].rounds)),
          spread(of(found, "cpuPerThousand"), (value) => value.toFixed(3)),
          count(median(of(found, "residentMib"))),
          count(of(found, "errors").reduce((sum, errors) => sum + errors, 0)),
        ]),
      },
    ],
    raw: { results },
  };
}
