import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../lib/clock.js";
import { linger } from "../lib/linger.js";

/** How long the rest of an upload may take whose answer did not say that the connection would be closed. */
const restMs = 1_000;

/**
 * Throws away what still comes of an upload that nobody wants any more, in a way that lets the answer be read. Where the
 * answer said that it is the connection's last that is closed; else only where the rest does not come in a moment.
 */
export function stopUpload(req: IncomingMessage, res: ServerResponse, clock: Clock): void {
  const { socket } = req;
  const close = (): void => linger(socket, clock);
  // Node calls this for a response that is the connection's last, and would close it at once.
  socket.destroySoon = close;
  if (res.writableFinished) closeUnlessRead();
  else res.once("finish", closeUnlessRead);
  // Whoever read it would keep it, or hold it up.
  req.removeAllListeners("data");
  req.resume();

  function closeUnlessRead(): void {
    if (req.complete) return;
    const timer = clock.after(restMs, close);
    req.once("close", () => timer.stop());
  }
}
