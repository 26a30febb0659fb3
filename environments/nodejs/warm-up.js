/**
 * Does once, while the instance is idle, what the first specialization and the first request would else wait for: a
 * whole life of a function on a server that listens nowhere, over a connection in memory.
 */
import { createServer } from "node:http";
import { Duplex } from "node:stream";
import { FunctionServer } from "./function-server.js";

const source = "module.exports = function (context, callback) { callback(200, context.request.body) }";
const calls = 20;

export async function warmUp() {
  await import("./blank.js");
  new Request("http://localhost/", { headers: [["a", "b"]], signal: new AbortController().signal });
  await new Response("").text();
  const server = createServer();
  new FunctionServer(server, { bodyLimit: 1_000 });
  const connection = new Connection();
  server.emit("connection", connection);
  const specialization = { function: { id: "" }, version: 0, key: "key", code: { source } };
  await connection.request("POST", "/specialize", JSON.stringify(specialization));
  for (let call = 0; call < calls; call += 1) await connection.request("POST", "/?a=b", '{"a":1}');
  connection.destroy();
}

/** A connection of which this file is the other end. */
class Connection extends Duplex {
  #answered = () => {};

  request(method, path, body) {
    const head = `${method} ${path} HTTP/1.1\r\nhost: localhost\r\nx-fermi-invocation-id: 0\r\n`;
    const key = path === "/specialize" ? "" : "x-fermi-key: key\r\n";
    const answered = new Promise((resolve) => (this.#answered = resolve));
    this.push(`${head}${key}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    return answered;
  }

  _read() {}

  _write(_chunk, _encoding, done) {
    done();
    this.#answered();
  }

  setTimeout() {
    return this;
  }
}
