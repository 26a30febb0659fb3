import type { Socket } from "node:net";

/**
 * Calls `ended` when the client ends its side while nobody reads from it; what it sends meanwhile stays in the socket.
 * Returns what stops that, to be called before somebody reads.
 */
export function watchForEnd(socket: Socket, ended: () => void): () => void {
  // An end is told only to who has asked for more than there is.
  const look = (): void => {
    if (socket.readableLength === 0) socket.read();
  };
  socket.on("readable", look).once("end", ended);
  return () => {
    socket.off("readable", look).off("end", ended);
  };
}
