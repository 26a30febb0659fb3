/**
 * bench/RESULTS.md. Each section is its own: it says when it was measured, and stays as it is when others are measured
 * anew. What they aim at is shown on top, from what bench/raw keeps of each. The cluster's part has another writer.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";

const inBench = (place) => new URL(place, import.meta.url);
const file = inBench("./RESULTS.md");
const clusterHeading = "# On Kubernetes";
/** What no measurement writes: why an aim was not reached, say. It stays as it is. */
const handWritten = "remarks";
const marker = (name) => `<!-- ${name} -->`;

/**
 * A section: a heading, a note, and `rows`; or several `tables`, each `{caption?, head, rows}`. `charts` are
 * `{name, alt, svg}`.
 */
export function format({ title, note, rows, tables = [{ head: ["", "", ""], rows }], charts = [] }) {
  const shown = tables.map(formatTable);
  const pictures = charts.map(({ name, alt }) => `![${alt}](charts/${name}.svg)`);
  return [`## ${title}`, note, ...shown, ...pictures].join("\n\n");
}

function formatTable({ caption, head, rows }) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const lines = [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)];
  return [...(caption === undefined ? [] : [`**${caption}**`, ""]), ...lines].join("\n");
}

/** `load` is the machine's load average before the measurement. `order` has the names of all sections. */
export function writeSection(name, section, { load, order }) {
  const measured = { at: new Date().toISOString(), machine: machine(), load, figures: section.figures ?? [] };
  saveRaw(name, { ...measured, ...section.raw });
  for (const chart of section.charts ?? []) save("charts", `${chart.name}.svg`, chart.svg);
  const text = `${format(section)}\n\nMeasured on ${today()} on ${machine()}; load average before: ${load.toFixed(1)}.`;
  const [local, cluster] = split();
  const sections = new Map([...readSections(local), [name, text]]);
  write(localPart(sections, order), cluster);
}

function localPart(sections, order) {
  const known = [handWritten, ...order].filter((name) => sections.has(name));
  return [
    "# Results",
    `Written by \`npm run bench\`, section by section.\nEverything (clients, server, database, instances) runs on this one machine; compare within a run, not between machines.`,
    ...aimsPart(order),
    ...known.map((name) => `${marker(name)}\n\n${sections.get(name)}`),
  ].join("\n\n");
}

/** Every figure that something was promised or aimed at, beside it. */
function aimsPart(order) {
  const rows = order.flatMap((name) =>
    readRaw(name).figures.map(({ what, value, aim, isReached }) => [
      what,
      value,
      aim,
      isReached ? "reached" : "**not reached**",
    ]),
  );
  if (rows.length === 0) return [];
  return [`## Aims\n\n${formatTable({ head: ["figure", "measured", "aim", ""], rows })}`];
}

/** From each section's marker to the next. */
function readSections(local) {
  const [, ...parts] = local.split(/^<!-- ([\w-]+) -->$/m);
  return new Map(Array.from({ length: parts.length / 2 }, (_, at) => [parts[2 * at], parts[2 * at + 1].trim()]));
}

function readRaw(name) {
  const raw = inBench(`./raw/${name}.json`);
  return existsSync(raw) ? JSON.parse(readFileSync(raw, "utf8")) : { figures: [] };
}

/** Six digits of each number: more were never measured. */
const rounded = (_, value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value);
const saveRaw = (name, raw) => save("raw", `${name}.json`, `${JSON.stringify(raw, rounded)}\n`);

function save(folder, name, text) {
  mkdirSync(inBench(`./${folder}`), { recursive: true });
  writeFileSync(inBench(`./${folder}/${name}`), text);
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
  write(split()[0], [...head, ...sections.map((section) => `${section}\n`)].join("\n"));
}

/** What this machine wrote, and what was measured on a cluster. */
function split() {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  const [local, cluster] = text.split(clusterHeading);
  return [local, cluster === undefined ? "" : `${clusterHeading}${cluster}`];
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
