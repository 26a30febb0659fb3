/** Runs the measurements, prints them, and writes them to bench/RESULTS.md where all of them ran. */
import { burst } from "./burst.mjs";
import { coldStart } from "./cold-start.mjs";
import { scale } from "./scale.mjs";
import { format, writeLocal } from "./sections.mjs";
import { timersExact } from "./timers.mjs";
import { warm } from "./warm.mjs";

const measurements = { cold: coldStart, warm, burst, scale, timers: timersExact };

/** Resolves with the exit code. */
export async function runBench(names) {
  const unknown = names.filter((name) => !Object.hasOwn(measurements, name));
  if (unknown.length > 0) {
    console.error(`bench: there is no ${unknown.join(", ")}; there are ${Object.keys(measurements).join(", ")}`);
    return 2;
  }
  const chosen = names.length > 0 ? names : Object.keys(measurements);
  const sections = [];
  for (const name of chosen) {
    console.error(`bench: ${name} …`);
    sections.push(format(await measurements[name]()));
    console.log(`${sections.at(-1)}\n`);
  }
  if (names.length === 0) writeLocal(sections);
  return 0;
}
