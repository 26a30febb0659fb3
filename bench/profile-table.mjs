/**
 * A CPU profile (`node --cpu-prof`) as a small table: the functions in which the time went, without those below them.
 * `node bench/profile-table.mjs FILE.cpuprofile [ROWS] [SKIP_SECONDS]`; what comes before, the start of a server, is left out.
 */
import { readFileSync } from "node:fs";

const [file, rows = "25", skipSeconds = "0"] = process.argv.slice(2);
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, "utf8"));
const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));

/** `name file:line`, the file as seen from what it belongs to. */
function describe({ functionName, url, lineNumber }) {
  const place = url.replace(/^file:\/\//, "").replace(/^.*\/(?:node_modules|dist)\//, "");
  return `${functionName || "(anonymous)"}${place === "" ? "" : ` ${place}:${lineNumber + 1}`}`;
}

const microseconds = new Map();
let atUs = 0;
let busyUs = 0;
for (const [index, id] of samples.entries()) {
  const spentUs = timeDeltas[index];
  atUs += spentUs;
  const frame = frames.get(id);
  if (atUs < Number(skipSeconds) * 1e6 || frame.functionName === "(idle)") continue;
  busyUs += spentUs;
  const name = describe(frame);
  microseconds.set(name, (microseconds.get(name) ?? 0) + spentUs);
}

console.log(`${(busyUs / 1e6).toFixed(1)} s of processor time; self time in percent`);
const largest = [...microseconds].sort(([, a], [, b]) => b - a).slice(0, Number(rows));
for (const [name, us] of largest) console.log(`${((100 * us) / busyUs).toFixed(1).padStart(5)}  ${name}`);
