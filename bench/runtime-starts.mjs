/** What an instance costs before it serves: its start, its specialization, and the memory of one that idles. */
import { setTimeout as delay } from "node:timers/promises";
import { readFileSync } from "node:fs";
import { connect } from "./http.mjs";
import { specialize, startInstance, startRuntime } from "./instance.mjs";
import { cpuSeconds, residentMib } from "./processes.mjs";
import { helloSource } from "./resources.mjs";
import { isQuick } from "./rounds.mjs";
import { spread } from "./stats.mjs";

const starts = isQuick ? 2 : 10;
const settledMs = 1_000;

export async function measureStarts({ nodeRuntime, pythonRuntime, pythonSource, bareServer }) {
  const kinds = [
    { label: "Fermi's runtime for Node", begin: () => startRuntime(nodeRuntime), source: helloSource },
    { label: "bare node:http server", begin: () => startInstance(bareServer) },
  ];
  if (pythonRuntime !== undefined)
    kinds.push({ label: "Fermi's runtime for Python", begin: () => startRuntime(pythonRuntime), source: pythonSource });
  const rows = kinds.map(({ label }) => ({ label, samples: [] }));
  for (let round = 0; round < starts; round++) {
    for (const [at, kind] of kinds.entries()) rows[at].samples.push(await measure(kind));
  }
  return { count: starts, rows };
}

async function measure({ begin, source }) {
  const instance = await begin();
  try {
    const startCpu = cpuSeconds(instance.pid);
    await delay(settledMs);
    const generic = memory(instance.pid);
    if (source === undefined) return { startMs: instance.startMs, startCpu, ...generic };
    const connection = connect(instance.url);
    const specializeMs = await specialize(connection, instance, source, 1);
    connection.close();
    await delay(settledMs);
    return { startMs: instance.startMs, startCpu, ...generic, specializeMs, specialized: memory(instance.pid) };
  } finally {
    await instance.stop();
  }
}

/** In MiB: what is resident, and what of it no other process has. */
function memory(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kib = [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
  return { mib: residentMib(pid), ownMib: kib / 1_024 };
}

export function startsTable({ rows }) {
  const decimals = (digits) => (value) => value.toFixed(digits);
  const show = (samples, read, digits) =>
    samples.some((sample) => read(sample) === undefined) ? "–" : spread(samples.map(read), decimals(digits));
  return {
    caption: "An instance, until it serves",
    head: [
      "",
      "start, ms",
      "CPU s of it",
      "generic: MiB",
      "own MiB",
      "specialization, ms",
      "specialized: MiB",
      "own MiB",
    ],
    rows: rows.map(({ label, samples }) => [
      label,
      show(samples, ({ startMs }) => startMs, 0),
      show(samples, ({ startCpu }) => startCpu, 2),
      show(samples, ({ mib }) => mib, 1),
      show(samples, ({ ownMib }) => ownMib, 1),
      show(samples, ({ specializeMs }) => specializeMs, 1),
      show(samples, ({ specialized }) => specialized?.mib, 1),
      show(samples, ({ specialized }) => specialized?.ownMib, 1),
    ]),
  };
}
