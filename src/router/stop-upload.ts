import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../lib/clock.js";
import { linger } from "../lib/linger.js";

/**
 * Ends a connection whose upload nobody wants any more, in a way that lets the answer be read: what still comes of it is
 * thrown away.
 */
export function stopUpload(req: IncomingMessage, res: ServerResponse, clock: Clock): void {
  const { socket } = req;
  const close = (): void => linger(socket, clock);
  // Node calls this for a response that is the connection's last, and would close it at once.
  socket.destroySoon = close;
  if (res.writableFinished) close();
  else res.once("finish", close);
  // Whoever read it would keep it, or hold it up.
  req.removeAllListeners("data");
  req.resume();
}
