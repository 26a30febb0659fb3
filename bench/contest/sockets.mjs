/** A thousand WebSockets that say nothing, and what they cost the traffic beside them. */
import { once } from "node:events";
import WebSocket from "ws";
import { residentMib } from "../processes.mjs";
import { interleaved, isQuick, rounds, roundSeconds, warmUpSeconds } from "../rounds.mjs";
import { count, median, percent, spread } from "../stats.mjs";
import { load, onStage } from "./stage.mjs";

const sockets = isQuick ? 100 : 1_000;
const opening = 50;
const traffic = { place: "/hello", clients: 32 };

export const idleSockets = () => onStage(measureAll);

async function measureAll(contestants) {
  for (const contestant of contestants) await load(contestant, traffic, warmUpSeconds);
  const samples = await interleaved(contestants, measure);
  const results = [...samples].map(([{ name, label }, found]) => ({ name, label, rounds: found }));
  return report(results);
}

/** Without and with them, one right after the other. */
async function measure(contestant) {
  const pid = contestant.pid("/sockets");
  const before = await load(contestant, traffic, roundSeconds);
  const mibBefore = residentMib(pid);
  const open = await openAll(contestant);
  const mib = residentMib(pid) - mibBefore;
  const during = await load(contestant, traffic, roundSeconds);
  const lost = open.filter(({ readyState }) => readyState !== WebSocket.OPEN).length;
  await closeAll(open);
  return { before: before.perSecond, during: during.perSecond, errors: during.errors, lost, mib };
}

async function openAll({ origin, headers }) {
  const url = `${origin("/sockets").replace("http", "ws")}/sockets`;
  const open = [];
  while (open.length < sockets) {
    const some = Array.from({ length: opening }, () => new WebSocket(url, { headers, perMessageDeflate: false }));
    await Promise.all(some.map((socket) => once(socket, "open")));
    open.push(...some);
  }
  return open;
}

const closeAll = (open) =>
  Promise.all(
    open.map((socket) => {
      if (socket.readyState === WebSocket.CLOSED) return undefined;
      const closed = once(socket, "close");
      socket.terminate();
      return closed;
    }),
  );

function report(results) {
  const of = ({ rounds: all }, key) => all.map((round) => round[key]);
  const sum = (result, key) => of(result, key).reduce((total, value) => total + value, 0);
  return {
    title: `${count(sockets)} idle WebSockets, and traffic beside them`,
    note: `GET of hello from ${traffic.clients} clients, without the WebSockets and with them. Rounds: ${rounds} of ${roundSeconds} s each way, in turn; medians, in brackets least and greatest.`,
    tables: [
      {
        head: [
          "",
          "requests/s without",
          "requests/s with them",
          "of without",
          "MiB more for them",
          "errors",
          "WebSockets lost",
        ],
        rows: results.map((result) => [
          result.label,
          spread(of(result, "before")),
          spread(of(result, "during")),
          percent(median(of(result, "during")) / median(of(result, "before"))),
          median(of(result, "mib")).toFixed(1),
          count(sum(result, "errors")),
          count(sum(result, "lost")),
        ]),
      },
    ],
    raw: { results },
  };
}
