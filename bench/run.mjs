/** Runs the measurements, prints them, and writes them to bench/RESULTS.md where all of them ran. */
import { writeFileSync } from "node:fs";
import os from "node:os";
import { burst } from "./burst.mjs";
import { coldStart } from "./cold-start.mjs";
import { scale } from "./scale.mjs";
import { warm } from "./warm.mjs";

const measurements = { cold: coldStart, warm, burst, scale };

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
  if (names.length === 0) writeFileSync(new URL("./RESULTS.md", import.meta.url), document(sections));
  return 0;
}

function format({ title, note, rows }) {
  const lines = rows.map((cells) => `| ${cells.join(" | ")} |`);
  return [`## ${title}`, "", note, "", "| | | |", "|---|---|---|", ...lines].join("\n");
}

function document(sections) {
  const [{ model }] = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  const machine = `${model.trim()}, ${os.cpus().length} cores, ${memory} GiB, ${os.platform()} ${os.arch()}`;
  const date = new Date().toISOString().slice(0, 10);
  const head = `# Results\n\nWritten by \`npm run bench\` on ${date}: ${machine}, Node ${process.versions.node}.\nEverything (clients, server, database, instances) runs on this one machine; compare within a run, not between machines.\n`;
  return [head, ...sections.map((section) => `${section}\n`)].join("\n");
}
