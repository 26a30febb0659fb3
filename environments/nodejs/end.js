/** How the process ends: asked to (SIGTERM) when its requests are done, or because user code threw where nobody catches. */
import { setImmediate, setInterval, setTimeout } from "node:timers";
import { inspectError } from "./errors.js";
import { current, logError } from "./logs.js";

/** What other requests of the instance get to finish after one has thrown outside of its handler. */
const lastChanceMs = 1_000;

let isClosing = false;

export function watchForEnd(server, functions) {
  process.on("SIGTERM", () => end(server, functions, 0));
  for (const event of ["uncaughtException", "unhandledRejection"]) {
    process.on(event, (error) => {
      // User code that listens itself has decided what an error means.
      if (process.listenerCount(event) > 1) return;
      crash(server, functions, error);
    });
  }
}

function crash(server, functions, error) {
  const invocation = current.getStore();
  setTimeout(() => process.exit(1), lastChanceMs).unref();
  // Its answer frees its slot: whoever is next must find the connections closed by then, not a process that is gone.
  end(server, functions, 1, () => {
    if (functions.running.has(invocation)) invocation.fail(error);
    else logError(inspectError(error));
    logError("the instance ends, because nothing caught that");
  });
}

/** Calls `closed` when no new connection is taken, and those that rest have been ended. */
function end(server, functions, code, closed = () => {}) {
  process.exitCode = Math.max(process.exitCode ?? 0, code);
  functions.end();
  afterReading(() => {
    close(server);
    closed();
  });
}

/** Calls back when what has come by now was read: a request that is in a connection's buffer is refused, not lost. */
function afterReading(callback) {
  setImmediate(() => setImmediate(callback));
}

function close(server) {
  if (isClosing) return;
  isClosing = true;
  server.close(() => process.exit());
  setInterval(() => server.closeIdleConnections(), 20).unref();
}
