/** bench/RESULTS.md has two writers; each leaves the other's part as it is. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";

const file = new URL("./RESULTS.md", import.meta.url);
const clusterHeading = "# On Kubernetes";

export function format({ title, note, rows }) {
  const lines = rows.map((cells) => `| ${cells.join(" | ")} |`);
  return [`## ${title}`, "", note, "", "| | | |", "|---|---|---|", ...lines].join("\n");
}

export function writeLocal(sections) {
  write(
    [
      "# Results\n",
      `Written by \`npm run bench\` on ${today()}: ${machine()}.`,
      "Everything (clients, server, database, instances) runs on this one machine; compare within a run, not between machines.\n",
      ...sections.map((section) => `${section}\n`),
    ].join("\n"),
    clusterPart(),
  );
}

/**
 * `load` is the machine's load average before the measurement: pods start on it, and whatever else runs is in the figures,
 * unless what takes part was preferred to it: `remark` says how, in a sentence.
 */
export function writeCluster({ kubernetes, load, remark }, sections) {
  const head = [
    `${clusterHeading}\n`,
    `Written by \`npm run bench:cluster\` on ${today()}: ${machine()}; ${kubernetes}.`,
    `Client, control plane, nodes and all roles of Fermi share this one machine, whose load average was ${load.toFixed(1)} before.`,
    ...(remark === undefined ? [""] : [`${remark}\n`]),
  ];
  const [local] = read().split(clusterHeading);
  write(local.trimEnd(), [...head, ...sections.map((section) => `${section}\n`)].join("\n"));
}

const read = () => (existsSync(file) ? readFileSync(file, "utf8") : "");

function clusterPart() {
  const [, part] = read().split(clusterHeading);
  return part === undefined ? "" : `${clusterHeading}${part}`;
}

const write = (...parts) =>
  writeFileSync(
    file,
    `${parts
      .filter((part) => part !== "")
      .map((part) => part.trimEnd())
      .join("\n\n")}\n`,
  );

const today = () => new Date().toISOString().slice(0, 10);

function machine() {
  const [{ model }] = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${model.trim()}, ${os.cpus().length} cores, ${memory} GiB, ${os.platform()} ${os.arch()}, Node ${process.versions.node}`;
}
