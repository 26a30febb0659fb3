/**
 * A runtime of the contract FERMI (environments/CONTRACT.md) that reads and writes bare bytes, so that it can answer what
 * no HTTP server would: the last segment of a request's path says how (behaviours.mjs). What it saw it notes in the file
 * of its first argument, one line of JSON each: also what nothing that stands in front of functions may send.
 */
import { appendFileSync, closeSync, readFileSync, writeSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { behaviours } from "./behaviours.mjs";
import { RequestReader } from "./request-reader.mjs";

const [seenFile, ...options] = process.argv.slice(2);
const readyFd = Number(options[options.indexOf("--ready-fd") + 1]);
const sockets = new Set();
let functionName = "";
let instanceKey;
let isReading = true;

const note = (what) => appendFileSync(seenFile, `${JSON.stringify({ fn: functionName, pid: process.pid, ...what })}\n`);

const runtime = {
  note,
  /** Nobody can connect any more, and who is connected is cut, but for one; the process lives on. */
  stopListening(last) {
    server.close();
    for (const socket of sockets) if (socket !== last) socket.destroy();
  },
  /** Connections are taken, and nothing is ever read from them. */
  stopReading() {
    isReading = false;
    for (const socket of sockets) socket.destroy();
  },
};

const behaviourOf = ({ target }) => behaviours[target.replace(/\?.*/, "").split("/").at(-1)] ?? behaviours.ok;
const isOwn = ({ headers }) => headers["x-fermi-key"] === undefined;

const server = createServer((socket) => {
  sockets.add(socket);
  socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  if (!isReading) return void socket.pause();
  const reader = new RequestReader({
    onHead: (request) => (isOwn(request) ? undefined : behaviourOf(request).atHead?.(socket, request, runtime)),
    onRequest: (request) => (isOwn(request) ? serveOwn : serve)(socket, request),
    onAnomaly: (anomaly) => {
      note({ anomaly });
      socket.destroy();
    },
  });
  socket.on("data", (chunk) => reader.push(chunk));
});

function serve(socket, request) {
  const { method, target, body, bytes, headers } = request;
  if (headers["x-fermi-key"] !== instanceKey) note({ anomaly: "a key that is not this instance's" });
  note({ id: headers["x-fermi-invocation-id"], method, target, body, bytes, token: headers["x-token"] });
  behaviourOf(request).whole?.(socket, request, runtime);
}

/** What the platform itself asks. */
function serveOwn(socket, { method, target, body }) {
  if (target === "/-/healthz") return answer(socket, 200, {});
  if (target === "/-/state" && instanceKey === undefined) return answer(socket, 200, { state: "generic" });
  if (method === "POST" && target === "/specialize" && instanceKey === undefined) return specialize(socket, body);
  note({ anomaly: `a request without a key: ${method} ${target}` });
  answer(socket, 401, { error: "the key is missing" });
}

/** The function's source is a word that says how. */
function specialize(socket, body) {
  const { function: fn, key, code } = JSON.parse(body);
  functionName = fn.name;
  const isFirst = !readFileSync(seenFile, "utf8").includes(`{"fn":"${functionName}",`);
  note({ event: "specializing" });
  if (code.source === "hangs once" && isFirst) return;
  instanceKey = key;
  answer(socket, 200, {});
}

function answer(socket, status, object) {
  const text = JSON.stringify(object);
  socket.write(
    `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
  );
}

new Socket({ fd: 0, writable: false }).on("close", () => process.exit(0)).resume();
process.on("SIGTERM", () => process.exit(0));
server.listen(0, "127.0.0.1", () => {
  writeSync(readyFd, `${JSON.stringify({ port: server.address().port })}\n`);
  closeSync(readyFd);
});
