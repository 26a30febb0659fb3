/** A hundred first requests at once of a function of which one instance serves ten: ten instances do, and none fails. */
import { createEnvironment, createFunction, poolIsWarm, routed } from "./resources.mjs";
import { connect } from "./http.mjs";
import { now, startServer, temporaryData } from "./server.mjs";
import { ms, percentile } from "./stats.mjs";

const requests = 100;
const perInstance = 10;
const workMs = 100;
const source = `module.exports = async () => {
  await new Promise((resolve) => setTimeout(resolve, ${workMs}));
  return { status: 200, body: String(process.pid) };
};\n`;

export async function burst() {
  const data = temporaryData();
  const server = await startServer(data.folder);
  try {
    await createEnvironment(server);
    await createFunction(server, "burst", source, { requestsPerInstance: perInstance });
    const connection = connect(server.routerUrl);
    await routed(connection, "burst");
    connection.close();
    await poolIsWarm(server);
    const startedAt = now();
    const answers = await Promise.all(Array.from({ length: requests }, () => call(`${server.routerUrl}/burst`)));
    const totalMs = now() - startedAt;
    const { function: fn } = await server.gql(`{ function(name: "burst") { instances { id } } }`);
    const failed = answers.filter(({ status }) => status !== 200).length;
    const processes = new Set(answers.filter(({ status }) => status === 200).map(({ text }) => text)).size;
    const latencies = answers.map((answer) => answer.ms);
    return {
      title: "A hundred first requests at once",
      note: `requestsPerInstance ${perInstance}, the function takes ${workMs} ms, 3 warm instances in the pool.`,
      rows: [
        ["errors", String(failed), "aim: 0"],
        ["instances that served", String(processes), `aim: ${requests / perInstance} or fewer`],
        ["instances afterwards", String(fn.instances.length), `aim: ${requests / perInstance} or fewer`],
        ["answered", `p50 ${ms(percentile(latencies, 0.5))}, p95 ${ms(percentile(latencies, 0.95))}`, ""],
        ["all answered after", ms(totalMs), ""],
      ],
    };
  } finally {
    await server.stop();
    data.remove();
  }
}

async function call(url) {
  const startedAt = now();
  const response = await fetch(url);
  const text = await response.text();
  return { status: response.status, text, ms: now() - startedAt };
}
