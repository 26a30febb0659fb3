/**
 * Does once, before the instance says that it is there, what the first specialization and the first request would else
 * wait for: a whole life of a function, on a server of its own and over real connections.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { FunctionServer } from "./function-server.js";

const host = "127.0.0.1";
const source = "module.exports = function (context, callback) { callback(200, context.request.body) }";
const specialization = { function: { id: "" }, version: 0, key: "key", code: { source } };
const calls = 20;
const deadlineMs = 5_000;

/** Rejects where it could not be done: the instance is slower to begin then, and nothing else. */
export async function warmUp() {
  const signal = AbortSignal.timeout(deadlineMs);
  await import("./blank.js");
  new Request("http://localhost/", { headers: [["a", "b"]], signal });
  await new Response("").text();
  const server = createServer();
  new FunctionServer(server, { bodyLimit: 1_000 });
  try {
    await once(server.listen(0, host), "listening", { signal });
    const { port } = server.address();
    await talk(port, signal, (request) => request("/specialize", JSON.stringify(specialization)));
    await talk(port, signal, async (request) => {
      for (let call = 0; call < calls; call += 1) await request("/?a=b", '{"a":1}', "x-fermi-key: key\r\n");
    });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** As the driver and the router do, each has a connection of its own. */
async function talk(port, signal, say) {
  const socket = connect(port, host)
    .setNoDelay()
    .on("error", () => {});
  await once(socket, "connect", { signal });
  await say(async (path, body, headers = "") => {
    const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\nx-fermi-invocation-id: 0\r\n${headers}`;
    socket.write(`${head}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await once(socket, "data", { signal });
  });
  socket.destroy();
}
