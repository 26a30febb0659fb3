/**
 * Ends of connections on which the client may still be sending. Closing at once would reset one, and the reset would
 * overtake the answer; so what still comes is read and thrown away until the client closes, for a moment at most.
 */
import type { Duplex } from "node:stream";
import type { Clock } from "./clock.js";

/** How long a client may take to read an answer that came before it had sent everything. */
const lingerMs = 1_000;

/** Closes a connection on which something reads what still comes: at once for writing, and in a moment altogether. */
export function linger(socket: Duplex, clock: Clock): void {
  if (socket.destroyed) return;
  socket.end();
  const timer = clock.after(lingerMs, () => socket.destroy());
  socket.once("close", () => timer.stop());
}

/**
 * The same for one that the server's parser has let go of, such as one whose upgrade is refused. What its client sent on
 * would stay in it otherwise, and with it the end: a socket is not closed before that is read.
 */
export function lingerUnread(socket: Duplex, clock: Clock): void {
  socket.resume();
  linger(socket, clock);
}
