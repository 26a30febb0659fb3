/** An instance killed each second under load: what callers see of it. */
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "./http.mjs";
import { openLoop } from "./load/open-loop.mjs";
import { createEnvironment, createFunction, routed } from "./resources.mjs";
import { isQuick, rounds } from "./rounds.mjs";
import { startServer, temporaryData } from "./server.mjs";
import { count, ms, percent, spread, spreadMs } from "./stats.mjs";

const rate = isQuick ? 50 : 500;
const seconds = isQuick ? 3 : 10;
const workMs = 5;
const settings = { requestsPerInstance: 4, minInstances: 4, maxInstances: 8 };
const source = `module.exports = async () => {
  await new Promise((resolve) => setTimeout(resolve, ${workMs}));
  return { status: 200, body: String(process.pid) };
};\n`;

export async function recovery() {
  const data = temporaryData();
  const server = await startServer(data.folder);
  try {
    await createEnvironment(server, 3);
    await createFunction(server, "victim", source, settings);
    const connection = connect(server.routerUrl);
    await routed(connection, "victim");
    connection.close();
    const calm = await load(server);
    const found = [];
    for (let round = 0; round < rounds; round++) {
      const [kills, result] = await Promise.all([killEachSecond(server), load(server)]);
      found.push({ ...result, kills });
    }
    return report(calm, found);
  } finally {
    await server.stop();
    data.remove();
  }
}

const load = ({ routerUrl }) =>
  openLoop({ origin: routerUrl, path: "/victim", headers: {}, rate, seconds, warmUpSeconds: 1, connections: 64 });

/** One that answers: with the most recent ones preferred, it is one that works. Resolves with how many were killed. */
async function killEachSecond({ routerUrl }) {
  let kills = 0;
  for (let second = 0; second < seconds; second++) {
    await delay(1_000);
    const pid = Number(await (await fetch(`${routerUrl}/victim`)).text());
    if (!Number.isInteger(pid) || pid <= 1) continue;
    try {
      process.kill(pid, "SIGKILL");
      kills++;
    } catch {
      // It has gone meanwhile: the one before took its last requests with it.
    }
  }
  return kills;
}

function report(calm, found) {
  const asked = rate * seconds;
  const of = (key) => found.map((round) => round[key]);
  const kinds = new Map();
  for (const { failures } of found) {
    for (const [kind, times] of Object.entries(failures)) kinds.set(kind, (kinds.get(kind) ?? 0) + times);
  }
  const kills = of("kills").reduce((sum, each) => sum + each, 0);
  const share = (times) => percent(times / (asked * found.length));
  return {
    title: "An instance killed each second under load",
    note: `${rate} requests a second (open loop) on a function of ${workMs} ms, ${settings.minInstances} instances of ${settings.requestsPerInstance} slots; SIGKILL for one that works. A request that was sent to the instance is never sent again, so those in flight there fail with 502 FUNCTION_CRASHED. Rounds: ${found.length} of ${seconds} s, ${kills} kills in all; medians, in brackets least and greatest.`,
    rows: [
      ["errors of a round, undisturbed", count(calm.errors), `of ${count(asked)} requests`],
      [
        "errors of a round, with kills",
        spread(of("errors")),
        `of ${count(asked)} requests, ${spread(of("kills"))} kills`,
      ],
      ...[...kinds].map(([kind, times]) => [
        `… ${kind}`,
        count(times),
        `${share(times)}, ${(times / kills).toFixed(2)} a kill`,
      ]),
      ["p50, undisturbed and with kills", `${ms(calm.p50)}, ${spreadMs(of("p50"))}`, ""],
      ["p99, undisturbed and with kills", `${ms(calm.p99)}, ${spreadMs(of("p99"))}`, ""],
      ["slowest, undisturbed and with kills", `${ms(calm.max)}, ${spreadMs(of("max"))}`, ""],
    ],
    raw: { calm, found },
  };
}
