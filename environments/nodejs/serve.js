/** Serves one function; the process as environments/CONTRACT.md has it. Loaded by server.js, which tells of the options. */
import { closeSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { Socket } from "node:net";
import { parseArgs } from "node:util";
import { watchForEnd } from "./end.js";
import { FunctionServer } from "./function-server.js";
import { captureOutput } from "./logs.js";
import { warmUp } from "./warm-up.js";

const { values: options } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    "ready-fd": { type: "string" },
    "exit-with-stdin": { type: "boolean", default: false },
    "body-limit": { type: "string", default: String(64 * 1024 * 1024) },
  },
});

captureOutput();
// The router decides how long anything may last; what it sends was checked there.
const server = createServer({ requestTimeout: 0, keepAliveTimeout: 0, maxHeaderSize: 256 * 1024 });
const functions = new FunctionServer(server, { bodyLimit: Number(options["body-limit"]) });
watchForEnd(server, functions);
if (options["exit-with-stdin"]) {
  new Socket({ fd: 0, writable: false }).on("error", leave).on("close", leave).resume();
}
// One that could not warm up serves all the same, slower at first.
await warmUp().catch(() => {});
server.listen(Number(process.env.PORT ?? 8888), options.host, () => announce(server.address().port));

function announce(port) {
  if (options["ready-fd"] === undefined) return;
  const fd = Number(options["ready-fd"]);
  writeSync(fd, `${JSON.stringify({ port })}\n`);
  closeSync(fd);
}

function leave() {
  process.exit(0);
}
