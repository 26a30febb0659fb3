import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "../lib/clock.js";

/** How long a client may take to read an answer that came before it had sent everything. */
const lingerMs = 1_000;

/**
 * Ends a connection whose upload nobody wants any more. Closing at once would reset it, and the reset would overtake the
 * answer; so what still comes is read and thrown away until the client closes, for a moment at most.
 */
export function stopUpload(req: IncomingMessage, res: ServerResponse, clock: Clock): void {
  const { socket } = req;
  const close = (): void => linger(socket, clock);
  // Node calls this for a response that is the connection's last, and would close it at once.
  socket.destroySoon = close;
  if (res.writableFinished) close();
  else res.once("finish", close);
  req.resume();
}

/**
 * The same for one that the server's parser has let go of. What its client sent on would stay in it otherwise, and with it
 * the end: a socket is not closed before that is read.
 */
export function lingerUnread(socket: Duplex, clock: Clock): void {
  socket.resume();
  linger(socket, clock);
}

/** Closes a connection on which something reads what still comes: at once for writing, and in a moment altogether. */
export function linger(socket: Duplex, clock: Clock): void {
  if (socket.destroyed) return;
  socket.end();
  const timer = clock.after(lingerMs, () => socket.destroy());
  socket.once("close", () => timer.stop());
}
