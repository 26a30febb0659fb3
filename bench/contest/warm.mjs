/**
 * Warm calls through everybody who takes part, in front of the same backend: how many a second, what they cost the
 * contestant's own process in processor and memory.
 */
import { barChart } from "../charts.mjs";
import { closedLoopTool } from "../load/closed-loop.mjs";
import { cpuSeconds, residentMib } from "../processes.mjs";
import { interleaved, rounds, roundSeconds, warmUpSeconds } from "../rounds.mjs";
import { count, median, percent, spread, times } from "../stats.mjs";
import { bigBytes, slots } from "./backends.mjs";
import { load, onStage } from "./stage.mjs";

const scenarios = [
  { name: "get-1", title: "GET, 1 client", place: "/hello", clients: 1 },
  { name: "get-32", title: "GET, 32 clients", place: "/hello", clients: 32 },
  { name: "get-256", title: "GET, 256 clients", place: "/hello", clients: 256 },
  { name: "bare-32", title: "GET, 32 clients, bare node:http behind", place: "/bare", clients: 32 },
  { name: "post-1k", title: "POST of 1 KiB, 32 clients", place: "/hello", clients: 32, bytes: 1024 },
  { name: "post-100k", title: "POST of 100 KiB, 32 clients", place: "/hello", clients: 32, bytes: 100 * 1024 },
  { name: "post-10m", title: "POST of 10 MiB, 4 clients", place: "/hello", clients: 4, bytes: bigBytes },
  { name: "get-10m", title: "Answer of 10 MiB, 4 clients", place: "/big", clients: 4 },
];

export const warm = () => onStage(runScenarios);

async function runScenarios(contestants, missing) {
  const results = [];
  for (const scenario of scenarios) {
    console.error(`bench: … ${scenario.title}`);
    results.push({ ...scenario, samples: await measureAll(contestants, scenario) });
  }
  return report(results, missing);
}

async function measureAll(contestants, scenario) {
  for (const contestant of contestants) await load(contestant, scenario, warmUpSeconds);
  const samples = await interleaved(contestants, (contestant) => measure(contestant, scenario));
  return [...samples].map(([{ name, label }, rounds]) => ({ name, label, rounds }));
}

async function measure(contestant, scenario) {
  const pid = contestant.pid(scenario.place);
  const before = cpuSeconds(pid);
  const found = await load(contestant, scenario, roundSeconds);
  const used = before === null ? null : cpuSeconds(pid) - before;
  return {
    ...found,
    cpuPerThousand: used === null ? null : (1_000 * used) / found.answered,
    residentMib: residentMib(pid),
  };
}

function report(results, missing) {
  const tables = results.map(({ title, samples }) => ({
    caption: title,
    head: ["", "requests/s", "of direct", "CPU s per 1,000 requests", "resident MiB", "p50 ms", "p99 ms", "errors"],
    rows: samples.map((sample) => row(sample, samples[0])),
  }));
  const left = missing.length === 0 ? "" : ` Not installed here, and left out: ${missing.join(", ")}.`;
  return {
    title: "Warm calls: Fermi's router beside nginx, HAProxy and http-proxy",
    note: `All stand before the same hello function on Fermi's runtime for Node (for Fermi an instance of its own, with ${count(slots)} slots, so that nobody waits for one), or before a bare node:http server. nginx has one worker, HAProxy one thread, the others one process; Fermi's router is a process of its own with one worker, and has routing, admission, recording and metrics on. Load: ${closedLoopTool}. Rounds: ${rounds} of ${roundSeconds} s, all contestants in turn in each; medians, in brackets least and greatest. CPU and memory are of the contestant's own process (for direct, of the backend); latencies are of a closed loop, see below for others.${left}`,
    tables,
    charts: charts(results),
    raw: { scenarios: results },
    figures: figures(results),
  };
}

const of = (rounds, key) => rounds.map((round) => round[key]);
const perThousand = (rounds) => of(rounds, "cpuPerThousand");

function row({ label, rounds }, direct) {
  const share = median(of(rounds, "perSecond")) / median(of(direct.rounds, "perSecond"));
  const known = (key, show) => (rounds[0][key] === null ? "–" : show(of(rounds, key)));
  return [
    label,
    spread(of(rounds, "perSecond")),
    percent(share),
    known("cpuPerThousand", (values) => spread(values, (value) => value.toFixed(3))),
    known("residentMib", (values) => count(median(values))),
    median(of(rounds, "p50Ms")).toFixed(2),
    median(of(rounds, "p99Ms")).toFixed(2),
    count(of(rounds, "errors").reduce((sum, errors) => sum + errors, 0)),
  ];
}

function charts(results) {
  const names = results[0].samples.map(({ label }) => label);
  const chart = (name, title, chosen, read) => ({
    name,
    alt: title,
    svg: barChart({
      title,
      names,
      groups: chosen.map(({ name: label, samples }) => ({
        label,
        values: samples.map((sample) => read(sample.rounds, samples[0].rounds)),
      })),
    }),
  });
  const rate = (rounds) => median(of(rounds, "perSecond"));
  const beside = (rounds, direct) => (100 * rate(rounds)) / rate(direct);
  // Ten mebibytes cost a hundred times as much: nothing else would be seen beside them.
  const small = results.filter(({ bytes = 0, place }) => bytes <= 1024 && place !== "/big");
  return [
    chart("warm-throughput", "Requests a second, in % of the backend's own", results, beside),
    chart("warm-cpu", "CPU seconds of the contestant's process per 1,000 requests", small, (rounds) =>
      median(perThousand(rounds)),
    ),
  ];
}

/** What is aimed at, with 32 clients. */
function figures(results) {
  const { samples } = results.find(({ name }) => name === "get-32");
  const find = (name) => samples.find((sample) => sample.name === name)?.rounds;
  const [fermi, nginx, httpProxy] = ["fermi", "nginx", "http-proxy"].map(find);
  const ratio = (read, other) => median(read(fermi)) / median(read(other));
  const rate = (rounds) => of(rounds, "perSecond");
  // Three digits: so near its aim a figure of two would not say on which side it is.
  const figure = (what, value, aim, isReached) => ({ what, value: times(value, 3), aim, isReached });
  const found = [];
  if (nginx !== undefined) {
    const value = ratio(rate, nginx);
    found.push(figure("warm GET, 32 clients: throughput beside nginx's", value, "at least 0.5 ×", value >= 0.5));
  }
  const faster = ratio(rate, httpProxy);
  found.push(figure("… beside bare http-proxy's", faster, "at least 2 ×", faster >= 2));
  const cheaper = ratio(perThousand, httpProxy);
  found.push(figure("… CPU per request beside bare http-proxy's", cheaper, "at most 0.5 ×", cheaper <= 0.5));
  return found;
}
