/**
 * What each adds to a request's latency while it is half busy: a constant rate of half of what it can do, and the same rate
 * without it right after.
 */
import { barChart } from "../charts.mjs";
import { openLoop } from "../load/open-loop.mjs";
import { interleaved, isQuick, rounds } from "../rounds.mjs";
import { count, median, ms } from "../stats.mjs";
import { load, onStage } from "./stage.mjs";

const place = "/hello";
const seconds = isQuick ? 1 : 3;
const percentiles = ["p50", "p90", "p99", "p999"];
const aims = { p50: 0.3, p99: 2 };

export const latency = () => onStage(measureAll);

async function measureAll([direct, ...contestants]) {
  const rates = new Map();
  const maxima = await interleaved(contestants, (one) => load(one, { place, clients: 32 }, 1));
  for (const [one, found] of maxima) rates.set(one, Math.round(median(found.map(({ perSecond }) => perSecond)) / 2));
  const samples = await interleaved(contestants, async (one) => ({
    through: await atRate(one, rates.get(one)),
    directly: await atRate(direct, rates.get(one)),
  }));
  const results = [...samples].map(([one, pairs]) => ({
    name: one.name,
    label: one.label,
    rate: rates.get(one),
    pairs,
    ...summary(pairs),
  }));
  return report(results);
}

const atRate = ({ origin, headers }, rate) => openLoop({ origin: origin(place), path: place, headers, rate, seconds });

/** Medians of the rounds: through it, directly, and of the differences. */
function summary(pairs) {
  const over = (read) => Object.fromEntries(percentiles.map((p) => [p, median(pairs.map((pair) => read(pair, p)))]));
  return {
    through: over((pair, p) => pair.through[p]),
    directly: over((pair, p) => pair.directly[p]),
    added: over((pair, p) => pair.through[p] - pair.directly[p]),
    errors: pairs.reduce((sum, { through }) => sum + through.errors, 0),
    sentLateMs: median(pairs.map(({ through }) => through.sentLateMs)),
  };
}

function report(results) {
  const fermi = results.find(({ name }) => name === "fermi");
  return {
    title: "Latency at half load",
    note: `GET of hello at a constant rate, half of the contestant's own maximum with 32 clients (measured first), on 64 connections; right after it the same rate directly. Latencies count from the moment at which a request was to be sent. Rounds: ${rounds} of ${seconds} s, in turn; medians. "Added" is the median of the rounds' differences.`,
    tables: [
      {
        head: [
          "",
          "requests/s",
          "p50",
          "p99",
          "p99.9",
          "directly p50",
          "directly p99",
          "added p50",
          "added p99",
          "sent late, p99",
          "errors",
        ],
        rows: results.map(row),
      },
    ],
    charts: [
      {
        name: "latency",
        alt: "Latency at half load, in milliseconds",
        svg: barChart({
          title: "Latency at half load, in milliseconds",
          names: results.map(({ label }) => label),
          groups: ["p50", "p90", "p99"].map((p) => ({ label: p, values: results.map(({ through }) => through[p]) })),
        }),
      },
    ],
    raw: { results },
    figures: Object.entries(aims).map(([p, limit]) => ({
      what: `latency at half load: ${p} added over direct`,
      value: ms(fermi.added[p]),
      aim: `under ${limit} ms`,
      isReached: fermi.added[p] < limit,
    })),
  };
}

const row = ({ label, rate, through, directly, added, sentLateMs, errors }) => [
  label,
  count(rate),
  ...[through.p50, through.p99, through.p999, directly.p50, directly.p99, added.p50, added.p99, sentLateMs].map(ms),
  count(errors),
];
