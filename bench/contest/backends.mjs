/** What all contestants stand in front of: functions on Fermi's runtime for Node, and a bare server of node:http. */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { bareServer, startFunction, startInstance } from "../instance.mjs";

export const bigBytes = 10 * 1024 * 1024;
/** As many as Fermi allows: a contest of proxies is not to wait for slots. */
export const slots = 1_000;

/** Says hello, at /big ten mebibytes of it; takes WebSockets, and says nothing to them. */
export const source = `
const { createHash } = require("node:crypto");
const big = Buffer.alloc(${bigBytes}, "x");
module.exports = async ({ request }) => ({ status: 200, body: request.path === "/big" ? big : "Hello, world!\\n" });
module.exports.upgrade = ({ headers }, socket) => {
  const accept = createHash("sha1")
    .update(headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\\r\\nupgrade: websocket\\r\\nconnection: upgrade\\r\\nsec-websocket-accept: " +
      accept + "\\r\\n\\r\\n",
  );
  socket.on("error", () => socket.destroy()).on("end", () => socket.end()).resume();
};
`;

/** Which backend has which paths; what is not listed is the first's. */
export const places = { function: "/", bare: "/bare", sockets: "/sockets" };

/** The backends of all but Fermi's router, which has instances of the same made for it. */
export async function startBackends() {
  const key = randomUUID();
  const backends = {
    function: await startFunction(source, { requestsPerInstance: slots, key }),
    bare: await startInstance(bareServer),
    sockets: await startFunction(source, { requestsPerInstance: 2 * slots, key }),
  };
  return {
    ...backends,
    key,
    stop: async () => {
      for (const backend of Object.values(backends)) await backend.stop();
    },
  };
}

/** The bare server as an image, for FERMI_LOCAL_RUNTIMES: resolves with the file's name. */
export function imagesFile(folder) {
  const file = path.join(folder, "images.json");
  writeFileSync(file, JSON.stringify({ "bench/bare": { contracts: ["FERMI"], command: bareServer } }));
  return file;
}
