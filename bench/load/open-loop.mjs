/**
 * A constant rate, whatever becomes of the requests: each has a moment at which it is to be sent, and its latency counts
 * from then on, also where it had to wait for a connection or was sent late. So a server that stands still is charged with
 * all requests that came meanwhile (no coordinated omission). Percentiles are those of an HDR histogram.
 */
import { execFile } from "node:child_process";
import { createHistogram } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { PlainConnection } from "./plain-connection.mjs";

const file = fileURLToPath(import.meta.url);
const answerDeadlineMs = 10_000;
const shown = { p50: 50, p90: 90, p99: 99, p999: 99.9, max: 100 };

/**
 * In a process of its own, so that nothing else delays it. Resolves with percentiles in milliseconds, `errors` and
 * how many of each kind (`failures`), and `sentLateMs`, the generator's own delay at its 99th percentile, which is part of the latencies.
 */
export async function openLoop(plan) {
  const { stdout } = await promisify(execFile)(process.execPath, [file, JSON.stringify(plan)]);
  return JSON.parse(stdout);
}

/** `warmUpSeconds` come before, and are not counted. */
async function generate({ origin, path, headers, rate, seconds, warmUpSeconds = 0.5, connections = 64 }) {
  const { hostname, port } = new URL(origin);
  const named = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\n${named.join("")}\r\n`);
  const reopen = () => PlainConnection.open(hostname, port);
  const idle = await Promise.all(Array.from({ length: connections }, reopen));
  const everyNs = 1e9 / rate;
  const skipped = Math.round(warmUpSeconds * rate);
  const total = skipped + Math.round(seconds * rate);
  const startNs = Number(process.hrtime.bigint()) + 20e6;
  const run = new Run({ idle, reopen, request, skipped, dueNs: (at) => startNs + at * everyNs });
  await paced({ startNs, everyNs, total }, (due) => run.send(due));
  await run.ended(total);
  return run.result();
}

class Run {
  #latencies = createHistogram();
  #delays = createHistogram();
  #sent = 0;
  #asked = 0;
  #answered = 0;
  #failures = new Map();
  #whenAnswered = () => {};

  constructor(options) {
    Object.assign(this, options);
  }

  /** As many as are due by now; what finds no idle connection is sent by the next one that is. */
  send(due) {
    this.#asked = due;
    while (this.#sent < this.#asked && this.idle.length > 0) void this.#one(this.idle.pop(), this.#sent++);
  }

  async #one(connection, at) {
    const dueNs = this.dueNs(at);
    const isCounted = at >= this.skipped;
    if (isCounted) record(this.#delays, dueNs);
    const { failure, isBroken } = await this.#exchange(connection);
    if (isCounted) record(this.#latencies, dueNs);
    if (isCounted && failure !== undefined) this.#fail(failure);
    const next = isBroken ? await this.reopen().catch(() => undefined) : connection;
    if (next !== undefined) this.idle.push(next);
    this.#answered++;
    this.#whenAnswered();
    this.send(this.#asked);
  }

  async #exchange(connection) {
    try {
      const { status, reason } = await connection.exchange(this.request);
      return status === 200 ? {} : { failure: `${status} ${reason}`.trim() };
    } catch (error) {
      return { failure: error.message, isBroken: true };
    }
  }

  #fail(kind, times = 1) {
    this.#failures.set(kind, (this.#failures.get(kind) ?? 0) + times);
  }

  /** Resolves when all are answered; gives up after a while. */
  ended(total) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#fail("not answered", total - this.#answered);
        resolve();
      }, answerDeadlineMs);
      this.#whenAnswered = () => {
        if (this.#answered < total) return;
        clearTimeout(timer);
        resolve();
      };
      this.#whenAnswered();
    });
  }

  result() {
    const percentiles = Object.entries(shown).map(([name, p]) => [name, this.#latencies.percentile(p) / 1e6]);
    const errors = [...this.#failures.values()].reduce((sum, times) => sum + times, 0);
    const failures = Object.fromEntries(this.#failures);
    return { ...Object.fromEntries(percentiles), errors, failures, sentLateMs: this.#delays.percentile(99) / 1e6 };
  }
}

const record = (histogram, sinceNs) =>
  histogram.record(Math.max(1, Math.round(Number(process.hrtime.bigint()) - sinceNs)));

/** Calls `send` with the number of requests that are due, whenever it has grown. */
function paced(plan, send) {
  return new Promise((resolve, reject) => {
    const pacer = new Worker(new URL("pacer.mjs", import.meta.url), { workerData: plan });
    pacer.on("message", send);
    pacer.on("error", reject);
    pacer.on("exit", resolve);
  });
}

if (process.argv[1] === file) {
  console.log(JSON.stringify(await generate(JSON.parse(process.argv[2]))));
  process.exit();
}
