/** Ten minutes of load on Fermi's router alone: whether its memory stays as it is. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { lineChart } from "./charts.mjs";
import { oneWorker, startFermiApart } from "./fermi-apart.mjs";
import { connect, ok } from "./http.mjs";
import { closedLoop } from "./load/closed-loop.mjs";
import { residentMib } from "./processes.mjs";
import { createEnvironment, createFunction, helloSource, routed } from "./resources.mjs";
import { isQuick } from "./rounds.mjs";
import { now, temporaryData } from "./server.mjs";
import { count, slope } from "./stats.mjs";

const clients = 32;
const parts = isQuick ? 2 : 10;
const partSeconds = isQuick ? 5 : 60;
/** The first fifth is the warm-up: heap and pools grow to what the load needs. */
const countedFrom = (parts * partSeconds) / 5;
const sampleEveryMs = isQuick ? 500 : 5_000;
const heapEveryMs = isQuick ? 1_000 : 30_000;
const preload = ["--expose-gc", "--import", fileURLToPath(new URL("preload/heap.mjs", import.meta.url))];
const limitMib = 10;

export async function steady() {
  const data = temporaryData();
  const heapFile = path.join(data.folder, "heap");
  const fermi = await startFermiApart(data.folder);
  try {
    const heapVariables = { BENCH_HEAP_FILE: heapFile, BENCH_HEAP_EVERY_MS: String(heapEveryMs) };
    const router = await fermi.startRouter("router", { ...oneWorker, ...heapVariables }, preload);
    await createEnvironment(fermi, 1);
    await createFunction(fermi, "hello", helloSource, { requestsPerInstance: 1_000, maxInstances: 1 });
    const connection = connect(router.url);
    await routed(connection, "hello");
    await ok(connection, "/hello");
    connection.close();
    return report({ ...(await loadAndWatch(router)), heap: readHeap(data.folder) });
  } finally {
    await fermi.stop();
    data.remove();
  }
}

async function loadAndWatch({ url, pid }) {
  const startedAt = now();
  const resident = [];
  const timer = setInterval(() => resident.push([(now() - startedAt) / 1_000, residentMib(pid)]), sampleEveryMs);
  const loads = [];
  for (let part = 0; part < parts; part++)
    loads.push(await closedLoop({ origin: url, paths: ["/hello"], clients, seconds: partSeconds }));
  clearInterval(timer);
  return { resident, loads };
}

/** Seconds and MiB, of the process that has the larger heap: the one that works. */
function readHeap(folder) {
  const series = readdirSync(folder)
    .filter((name) => name.startsWith("heap-"))
    .map((name) => {
      const lines = readFileSync(path.join(folder, name), "utf8").trim().split("\n");
      const points = lines.map((line) => line.split(" ").map(Number));
      return points.map(([at, bytes]) => [(at - points[0][0]) / 1_000, bytes / 2 ** 20]);
    });
  return series.sort((one, other) => other.at(-1)[1] - one.at(-1)[1])[0];
}

function report({ resident, loads, heap }) {
  const counted = (points) => points.filter(([seconds]) => seconds >= countedFrom);
  const perHour = (points) => 3_600 * slope(counted(points));
  const ends = (points) => [counted(points)[0][1], points.at(-1)[1]].map((value) => value.toFixed(1)).join(" → ");
  const rates = loads.map(({ perSecond }) => count(perSecond));
  const errors = loads.reduce((sum, load) => sum + load.errors, 0);
  const heapSlope = perHour(heap);
  const minutes = (points) => points.map(([seconds, value]) => [seconds / 60, value]);
  const total = (parts * partSeconds) / 60;
  return {
    title: `${Number(total.toFixed(1))} minutes of load`,
    note: `GET of hello from ${clients} clients on Fermi's router, one worker, all that it can take. The slopes are least squares over all samples but those of the first fifth. The heap is what is left after a full collection.`,
    rows: [
      ["resident memory, growth per hour", `${perHour(resident).toFixed(1)} MiB`, `${ends(resident)} MiB`],
      ["heap after collection, growth per hour", `${heapSlope.toFixed(1)} MiB`, `${ends(heap)} MiB`],
      ["requests/s, first and last part", `${rates[0]}, ${rates.at(-1)}`, `${parts} parts of ${partSeconds} s`],
      ["errors", count(errors), `of ${count(loads.reduce((sum, load) => sum + load.answered, 0))} requests`],
    ],
    charts: [
      {
        name: "steady-memory",
        alt: "Memory of the router under load, MiB",
        svg: lineChart({
          title: "Memory of the router under load, MiB",
          xLabel: "minutes",
          lines: [
            { name: "resident", points: minutes(resident) },
            { name: "heap after collection", points: minutes(heap) },
          ],
        }),
      },
    ],
    raw: { resident, heap, loads },
    figures: [
      {
        what: `${Number(total.toFixed(1))} minutes of load: growth of the heap per hour`,
        value: `${heapSlope.toFixed(1)} MiB (resident ${perHour(resident).toFixed(1)} MiB)`,
        aim: `flat (under ${limitMib} MiB)`,
        isReached: heapSlope < limitMib,
      },
    ],
  };
}
