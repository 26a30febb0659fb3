/** Requests that ask for a protocol that is not spoken are served as if they had not asked (RFC 9110, 7.8). */
import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";

export const asksForWebSocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === "websocket";

/** Has the request of an upgrade read anew; its body and what comes behind it are still to be read. */
export type IgnoreUpgrade = (req: IncomingMessage, socket: Socket, head: Buffer) => void;

/** To be called before anybody else listens for the server's connections. */
export function ignoringUpgrades(server: Server): IgnoreUpgrade {
  const [read] = server.listeners("connection") as ((socket: Socket) => void)[];
  return (req, socket, head) => {
    socket.unshift(Buffer.concat([headWithoutUpgrade(req), head]));
    read?.call(server, socket);
  };
}

/** The head as it came, but that it asks for no other protocol. No longer than it was. */
function headWithoutUpgrade({ method = "", url = "", httpVersion, rawHeaders }: IncomingMessage): Buffer {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.toLowerCase() !== "upgrade") text += `${name}:${rawHeaders[i + 1]}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, "latin1");
}
