/** Runs the measurements, prints them, and writes them to bench/RESULTS.md where all of them ran. */
import { asynchronous } from "./async.mjs";
import { asyncChaos } from "./async-chaos.mjs";
import { burst } from "./burst.mjs";
import { coldStart } from "./cold-start.mjs";
import { scale } from "./scale.mjs";
import { format, writeLocal } from "./sections.mjs";
import { timersExact } from "./timers.mjs";
import { warm } from "./warm.mjs";

/** What takes long or kills is run by name only. */
const measurements = { cold: coldStart, warm, burst, scale, async: asynchronous, timers: timersExact };
const byName = { ...measurements, "async-chaos": asyncChaos };

/** Resolves with the exit code. */
export async function runBench(names) {
  const unknown = names.filter((name) => !Object.hasOwn(byName, name));
  if (unknown.length > 0) {
    console.error(`bench: there is no ${unknown.join(", ")}; there are ${Object.keys(byName).join(", ")}`);
    return 2;
  }
  const chosen = names.length > 0 ? names : Object.keys(measurements);
  const sections = [];
  for (const name of chosen) {
    console.error(`bench: ${name} …`);
    sections.push(format(await byName[name]()));
    console.log(`${sections.at(-1)}\n`);
  }
  if (names.length === 0) writeLocal(sections);
  return 0;
}
