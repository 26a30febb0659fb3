/**
 * A bare server of node:http that says hello: what Node itself allows. It answers the two requests with which Fermi makes
 * an instance of a process (200, like any other), so that the router can have it as a backend, too.
 */
import { closeSync, writeSync } from "node:fs";
import { createServer } from "node:http";

const body = "Hello, world!\n";
const headers = { "content-type": "text/plain; charset=utf-8", "content-length": body.length };

const server = createServer((req, res) => {
  const answer = () => res.writeHead(200, headers).end(body);
  if (req.method === "GET") return answer();
  req.resume().on("end", answer);
});
server.keepAliveTimeout = 0;
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  writeSync(3, `${JSON.stringify({ port: server.address().port })}\n`);
  closeSync(3);
});
process.stdin.on("close", () => process.exit()).resume();
