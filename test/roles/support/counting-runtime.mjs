/**
 * An image's server that refuses nobody and counts: how many requests it ever had at once, and itself. Contract FERMI, as
 * far as one function needs it; each request takes a while, and one with `?hold` until its caller leaves.
 */
import { writeSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

const workMs = 15;
let present = 0;
let most = 0;

const server = createServer((req, res) => {
  req.resume();
  if (req.url === "/specialize") return res.end("{}");
  if (req.url?.startsWith("/-/")) return res.end(JSON.stringify({ state: "generic" }));
  most = Math.max(most, ++present);
  if (req.url?.endsWith("?hold")) hold(res);
  else void work(res);
});

function hold(res) {
  res.write("begun");
  res.once("close", () => present--);
}

async function work(res) {
  await delay(workMs);
  present--;
  res.end(JSON.stringify({ most, pid: process.pid }));
}

process.stdin.on("end", () => process.exit()).resume();
process.on("SIGTERM", () => process.exit());
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => writeSync(3, `${JSON.stringify(server.address())}\n`));
