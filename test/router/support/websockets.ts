import http from "node:http";
import type { Socket } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Stage } from "./router-stage.js";

export const handshake = (path = "/ws"): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

export const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/** Instances that echo what they are told. */
export class EchoRooms {
  /** The upgrades that arrived. */
  readonly requests: http.IncomingMessage[] = [];
  readonly #rooms: WebSocketServer[] = [];

  async serve(stage: Stage, grant: { id?: string; slots?: number } = {}): Promise<http.Server> {
    const server = http.createServer((_req, res) => res.writeHead(426).end());
    const room = new WebSocketServer({ server });
    this.#rooms.push(room);
    room.on("connection", (socket, req) => {
      this.requests.push(req);
      socket.on("error", () => {});
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    await stage.listen(server, grant);
    return server;
  }

  /** Cuts the instances' ends of all connections. */
  reset(): void {
    for (const room of this.#rooms) for (const client of room.clients) socketOf(client).resetAndDestroy();
  }

  close(): void {
    for (const room of this.#rooms) room.close();
  }
}

/** An instance that handles upgrades itself. */
export async function serveUpgrade(
  stage: Stage,
  onUpgrade: (socket: Socket) => void,
  grant: { id?: string } = {},
): Promise<void> {
  const server = http.createServer();
  server.on("upgrade", (_req, socket: Socket) => onUpgrade(socket.on("error", () => {})));
  await stage.listen(server, grant);
}

export async function open({ port }: Stage, path = "/ws", headers = {}): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return socket;
}

export const reply = (socket: WebSocket): Promise<string> =>
  new Promise((resolve) => socket.once("message", (data: Buffer) => resolve(data.toString())));

/** The connection under a WebSocket. */
export const socketOf = (socket: WebSocket): Socket => (socket as unknown as { _socket: Socket })._socket;
