/** Connections that user code takes over (WebSockets, for one): the export `upgrade(request, socket, head)`. */
import { inspectError } from "./errors.js";
import { current, flush, logError, PartialLines } from "./logs.js";
import { takeToken } from "./token.js";

const secrets = new Set(["x-fermi-key", "x-fermi-log-tag", "x-fermi-token"]);

/** Runs `upgrade`; the invocation holds its slot until the socket is closed. A throw closes it, with 500 if nothing was sent. */
export function runUpgrade(upgrade, [req, socket, head], admit) {
  const { headers } = req;
  const invocation = {
    id: headers["x-fermi-invocation-id"],
    logTag: headers["x-fermi-log-tag"],
    partial: new PartialLines(),
  };
  invocation.fail = (error) => {
    current.run(invocation, () => logError(inspectError(error)));
    if (socket.bytesWritten > 0) socket.destroy();
    else {
      socket.write("HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      socket.destroySoon();
    }
  };
  const release = admit(invocation);
  socket.on("close", () => {
    flush(invocation);
    release();
  });
  socket.on("error", () => socket.destroy());
  takeToken(headers);
  hideSecrets(req);
  void current.run(invocation, async () => {
    try {
      await upgrade(req, socket, head);
    } catch (error) {
      invocation.fail(error);
    }
  });
}

function hideSecrets(req) {
  for (const name of secrets) delete req.headers[name];
  req.rawHeaders = req.rawHeaders.filter((_, index, raw) => !secrets.has(raw[index - (index % 2)].toLowerCase()));
}
