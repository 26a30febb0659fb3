/**
 * As much as goes: each client sends its next request when it has the answer to the last. By wrk where it is installed,
 * since it takes a tenth of the processor that autocannon does; else by autocannon.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import autocannon from "autocannon";
import { findProgram } from "../processes.mjs";

const run = promisify(execFile);
const wrk = findProgram("wrk");
const script = fileURLToPath(new URL("wrk.lua", import.meta.url));

export const closedLoopTool = wrk === undefined ? "autocannon (wrk is not installed)" : "wrk, one thread";

/**
 * Loads `paths` in turn below `origin` for some seconds. Resolves with the answers of 200 a second, their latencies in
 * milliseconds, and how many were anything else.
 */
export async function closedLoop({ origin, paths, clients, seconds, method = "GET", bytes = 0, headers = {} }) {
  const plan = { origin, paths, clients, seconds, method, bytes, headers };
  const { requests, seconds: took, p50Ms, p99Ms, failed } = await (wrk === undefined ? byAutocannon : byWrk)(plan);
  const answered = requests - failed.refused;
  return { perSecond: answered / took, answered, p50Ms, p99Ms, errors: failed.refused + failed.broken };
}

async function byWrk({ origin, paths, clients, seconds, method, bytes, headers }) {
  const named = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const own = ["-t1", `-c${clients}`, `-d${seconds}s`, "--timeout", "30s", ...named, "-s", script, `${origin}/`];
  const { stdout } = await run(wrk, [...own, "--", method, String(bytes), ...paths]);
  const { broken, refused, ...found } = JSON.parse(/^JSON (.*)$/m.exec(stdout)[1]);
  return { ...found, failed: { broken, refused } };
}

async function byAutocannon({ origin, paths, clients, seconds, method, bytes, headers }) {
  const body = bytes === 0 ? undefined : Buffer.alloc(bytes, "x");
  const found = await autocannon({
    url: origin,
    connections: clients,
    duration: seconds,
    headers: body === undefined ? headers : { ...headers, "content-type": "application/octet-stream" },
    requests: paths.map((path) => ({ method, path, body })),
    timeout: 30,
  });
  return {
    requests: found.requests.total,
    seconds: found.duration,
    p50Ms: found.latency.p50,
    p99Ms: found.latency.p99,
    failed: { broken: found.errors, refused: found.non2xx },
  };
}
