/**
 * Fermi's runtimes alone, called directly: for Node beside a bare server of node:http, for Python beside Flask's own server
 * and gunicorn; and what an instance of each costs before it serves anything.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { bareServer, nodeRuntime, pythonRuntime, startFunction, startInstance } from "./instance.mjs";
import { closedLoop } from "./load/closed-loop.mjs";
import { cpuSeconds, findProgram, freePort, listening, residentMib, startProcess } from "./processes.mjs";
import { helloSource } from "./resources.mjs";
import { interleaved, isQuick, rounds, roundSeconds } from "./rounds.mjs";
import { measureStarts, startsTable } from "./runtime-starts.mjs";
import { count, median, percent, spread, times } from "./stats.mjs";

const clients = 32;
const warmUpSeconds = isQuick ? 1 : 3;
const hello = fileURLToPath(new URL("hello", import.meta.url));
const pythonSource = `def main():\n    return "Hello, world!\\n"\n`;

/** `modules`: what of Python's it needs. */
const contestants = [
  { name: "node", label: "Fermi's runtime for Node", start: () => startFunction(helloSource, withSlots) },
  { name: "bare", label: "bare node:http server", start: () => startInstance(bareServer) },
  {
    name: "python",
    label: "Fermi's runtime for Python",
    modules: [],
    start: (python) => startFunction(pythonSource, { ...withSlots, command: pythonRuntime(python) }),
  },
  {
    name: "flask",
    label: "Flask's own server",
    modules: ["flask"],
    start: (python) => serve(python, (port) => ["-m", "flask", "--app", "flask_hello", "run", "--port", port]),
  },
  ...[
    { name: "gunicorn", label: "gunicorn, one sync worker, Flask", worker: ["sync"], app: "flask_hello" },
    {
      name: "gthread",
      label: "gunicorn, one worker of 32 threads, Flask",
      worker: ["gthread", "--threads", "32"],
      app: "flask_hello",
    },
    {
      name: "wsgi",
      label: "gunicorn, one worker of 32 threads, no framework",
      worker: ["gthread", "--threads", "32"],
      app: "wsgi_hello",
    },
  ].map(({ worker, app, ...named }) => ({
    ...named,
    modules: app === "flask_hello" ? ["flask", "gunicorn"] : ["gunicorn"],
    start: (python) =>
      serve(python, (port) => ["-m", "gunicorn", "-w", "1", "-k", ...worker, "-b", `127.0.0.1:${port}`, `${app}:app`]),
  })),
];

const withSlots = { requestsPerInstance: 1_000 };

export async function runtimes() {
  const python = findPython(["flask", "gunicorn"]) ?? findPython([]);
  const present = contestants.filter(({ modules }) => modules === undefined || canImport(python, modules));
  const missing = contestants.filter((each) => !present.includes(each)).map(({ label }) => label);
  const started = [];
  try {
    for (const { start, ...named } of present) started.push({ ...named, ...(await start(python)) });
    for (const each of started) await load(each, warmUpSeconds);
    const samples = await interleaved(started, measure);
    const results = [...samples].map(([{ name, label }, found]) => ({ name, label, rounds: found }));
    const starts = await measureStarts({
      nodeRuntime,
      pythonRuntime: python && pythonRuntime(python),
      pythonSource,
      bareServer,
    });
    return report({ results, starts, missing });
  } finally {
    for (const { stop } of started) await stop();
  }
}

/** The system's first: a wrapper of a version manager would be in the figures of a start. */
function findPython(modules) {
  const candidates = ["/usr/bin/python3", findProgram("python3")].filter(Boolean);
  return candidates.find((python) => canImport(python, modules));
}

function canImport(python, modules) {
  try {
    execFileSync(python, ["-c", ["pass", ...modules.map((module) => `import ${module}`)].join("; ")], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

async function serve(python, args) {
  const port = await freePort();
  const started = startProcess(python, args(String(port)), { cwd: hello, env: { PYTHONDONTWRITEBYTECODE: "1" } });
  await listening(started, port);
  return { ...started, url: `http://127.0.0.1:${port}` };
}

const load = ({ url, headers = {} }, seconds) => closedLoop({ origin: url, paths: ["/"], clients, seconds, headers });

async function measure(each) {
  const before = cpuSeconds(each.pid);
  const found = await load(each, roundSeconds);
  const used = cpuSeconds(each.pid) - before;
  return { ...found, cpuPerThousand: (1_000 * used) / found.answered, residentMib: residentMib(each.pid) };
}

function report({ results, starts, missing }) {
  const of = (found, key) => found.map((round) => round[key]);
  const left = missing.length === 0 ? "" : ` Not installed here, and left out: ${missing.join("; ")}.`;
  return {
    title: "The runtimes, called directly",
    note: `Hello, ${clients} clients. Rounds: ${rounds} of ${roundSeconds} s, in turn; medians, in brackets least and greatest. Flask's own server and gunicorn's sync worker close each connection after its answer.${left} Starts: one process after the other, ${starts.count} of each, on an otherwise idle harness; memory a second after the start, "own" is what is shared with no other process.`,
    tables: [
      {
        head: ["", "requests/s", "CPU s per 1,000 requests", "resident MiB", "errors"],
        rows: results.map(({ label, rounds: found }) => [
          label,
          spread(of(found, "perSecond")),
          spread(of(found, "cpuPerThousand"), (value) => value.toFixed(3)),
          count(median(of(found, "residentMib"))),
          count(of(found, "errors").reduce((sum, errors) => sum + errors, 0)),
        ]),
      },
      startsTable(starts),
    ],
    raw: { results, starts },
    figures: figures(results),
  };
}

function figures(results) {
  const rate = (name) => {
    const found = results.find((result) => result.name === name)?.rounds;
    return found && median(found.map(({ perSecond }) => perSecond));
  };
  const node = rate("node") / rate("bare");
  const found = [
    {
      what: "Node: hello beside a bare node:http server",
      value: percent(node),
      aim: "at least 80 %",
      isReached: node >= 0.8,
    },
  ];
  for (const [name, label] of [
    ["flask", "Flask's own server"],
    ["gunicorn", "gunicorn, sync"],
    ["gthread", "gunicorn, threads"],
  ]) {
    if (rate(name) === undefined) continue;
    const ratio = rate("python") / rate(name);
    found.push({ what: `Python: hello beside ${label}`, value: times(ratio), aim: "ahead", isReached: ratio > 1 });
  }
  return found;
}
