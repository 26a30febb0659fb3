/** Runs the measurements, prints them, and writes each to its place in bench/RESULTS.md. */
import os from "node:os";
import { asynchronous } from "./async.mjs";
import { asyncChaos } from "./async-chaos.mjs";
import { burst } from "./burst.mjs";
import { coldStart } from "./cold-start.mjs";
import { latency } from "./contest/latency.mjs";
import { idleSockets } from "./contest/sockets.mjs";
import { warm } from "./contest/warm.mjs";
import { functions } from "./functions.mjs";
import { recovery } from "./recovery.mjs";
import { records } from "./records.mjs";
import { runtimes } from "./runtimes.mjs";
import { steady } from "./steady.mjs";
import { routes } from "./routes.mjs";
import { isQuick } from "./rounds.mjs";
import { scale } from "./scale.mjs";
import { format, writeSection } from "./sections.mjs";
import { timersExact } from "./timers.mjs";
import { routerWorkers } from "./workers.mjs";

/** In the order of the page. */
const measurements = {
  warm,
  latency,
  workers: routerWorkers,
  sockets: idleSockets,
  cold: coldStart,
  burst,
  recovery,
  routes,
  functions,
  records,
  runtimes,
  scale,
  timers: timersExact,
  async: asynchronous,
  steady,
  "async-chaos": asyncChaos,
};
/** What kills for minutes runs by name only. */
const byNameOnly = new Set(["async-chaos"]);
const order = Object.keys(measurements);

/** Resolves with the exit code. With `--quick` nothing is written. */
export async function runBench(args) {
  const names = args.filter((arg) => arg !== "--quick");
  const unknown = names.filter((name) => !order.includes(name));
  if (unknown.length > 0) {
    console.error(`bench: there is no ${unknown.join(", ")}; there are ${order.join(", ")}`);
    return 2;
  }
  const chosen = names.length > 0 ? names : order.filter((name) => !byNameOnly.has(name));
  const failed = [];
  for (const name of chosen) if (!(await runOne(name))) failed.push(name);
  if (failed.length === 0) return 0;
  console.error(`bench: failed, and as they were in the page: ${failed.join(", ")}`);
  return 1;
}

/** False where it failed: an hour's other figures are not to be lost for it. */
async function runOne(name) {
  const startedAt = performance.now();
  const [load] = os.loadavg();
  console.error(`bench: ${name} …`);
  try {
    const section = await measurements[name]();
    if (!isQuick) writeSection(name, section, { load, order });
    console.log(`${format(section)}\n`);
    return true;
  } catch (error) {
    console.error(`bench: ${name} failed`, error);
    return false;
  } finally {
    console.error(`bench: ${name} took ${Math.round((performance.now() - startedAt) / 1_000)} s`);
  }
}
