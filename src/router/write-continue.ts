import type { ServerResponse } from "node:http";

/**
 * Asks the client for its body. Before the response's turn on a connection has come, Node would put this behind the
 * answer's head, into its body; so it waits for the turn, and is left out where the answer has begun by then.
 */
export function writeContinue(res: ServerResponse): void {
  if (res.socket !== null) return res.writeContinue();
  res.once("socket", () => {
    if (!res.headersSent) res.writeContinue();
  });
}
