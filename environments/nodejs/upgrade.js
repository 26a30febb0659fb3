/** Connections that user code takes over (WebSockets, for one): the export `upgrade(request, socket, head)`. */
import { beforeUserCode } from "./departures.js";
import { inspectError } from "./errors.js";
import { current, finish, logError, PartialLines } from "./logs.js";
import { takeToken } from "./token.js";

/** What the handler may be silent for once its peer has ended; the router waits for it no longer either. */
const farewellMs = 1_000;

const secrets = new Set(["x-fermi-key", "x-fermi-log-tag", "x-fermi-token"]);

/**
 * Runs `upgrade`; the invocation holds its slot until the socket is closed. A throw closes it, with 500 if nothing was
 * sent, and so does a peer that has ended, once the handler has nothing more to say to it.
 */
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
  runListenersFor(invocation, socket);
  socket.on("close", () => {
    release();
    // After those of user code, which may print yet.
    setImmediate(() => finish(invocation));
  });
  socket.on("error", () => socket.destroy());
  socket.on("end", () => closeWhenSilent(socket));
  takeToken(headers);
  hideSecrets(req);
  void current.run(invocation, async () => {
    beforeUserCode();
    try {
      await upgrade(req, socket, head);
    } catch (error) {
      invocation.fail(error);
    }
  });
}

/** Events come in the context of the connection, which knows of no invocation. */
function runListenersFor(invocation, socket) {
  const { emit } = socket;
  socket.emit = (...event) => current.run(invocation, () => emit.apply(socket, event));
}

/** Such a socket may be half open: the peer has ended, and user code that does not listen for that would hold its slot for ever. */
function closeWhenSilent(socket) {
  const sent = () => socket.bytesWritten - socket.writableLength;
  let before = sent();
  const look = setInterval(() => {
    if (sent() === before) socket.destroy();
    else before = sent();
  }, farewellMs);
  socket.on("close", () => clearInterval(look));
}

function hideSecrets(req) {
  for (const name of secrets) delete req.headers[name];
  req.rawHeaders = req.rawHeaders.filter((_, index, raw) => !secrets.has(raw[index - (index % 2)].toLowerCase()));
}
