/** How the process ends: asked to (SIGTERM) when its requests are done, or because user code threw where nobody catches. */
import { inspectError } from "./errors.js";
import { current, logError } from "./logs.js";

/** What other requests of the instance get to finish after one has thrown outside of its handler. */
const lastChanceMs = 1_000;

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
  const isRunning = functions.running.has(invocation);
  if (isRunning) invocation.fail(error);
  else logError(inspectError(error));
  logError("the instance ends, because nothing caught that");
  setTimeout(() => process.exit(1), lastChanceMs).unref();
  end(server, functions, 1);
}

function end(server, functions, code) {
  process.exitCode = Math.max(process.exitCode ?? 0, code);
  if (functions.isEnding) return;
  functions.isEnding = true;
  server.close(() => process.exit());
  const hangUp = setInterval(() => server.closeIdleConnections(), 20);
  hangUp.unref();
  server.closeIdleConnections();
}
