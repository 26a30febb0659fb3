/**
 * Where a pool manager is reached by routers, and by who shows its pools, of other processes: WebSockets on an HTTP server
 * that others use too. Only the pool manager that leads lets anybody in; a standby says so, and whoever asks tries the next
 * address.
 */
import { STATUS_CODES, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { lingerUnread } from "../lib/linger.js";
import type { Logger } from "../lib/logger.js";
import type { Stoppable } from "../lib/stoppable.js";
import type { PoolView } from "../model/pool-view.js";
import { LiveSocket, socketOptions } from "./live-socket.js";
import type { Connection, PoolmgrHub } from "./poolmgr-hub.js";
import { PoolFeed } from "./pool-feed.js";
import { poolsPath } from "./pool-wire.js";
import { readFromRouter, routerPath, type FromPoolmgr, type FromRouter } from "./wire.js";

/** What is reached where this process leads. */
export interface Leader {
  readonly hub: Pick<PoolmgrHub, "connect">;
  readonly view: PoolView;
}

export interface PoolmgrEndpointOptions {
  /** Throws UNAUTHENTICATED unless the header proves the request. */
  readonly verify: (
    header: string | string[] | undefined,
    request: { readonly method: string; readonly path: string },
  ) => void;
  /** The header that `verify` wants to see, in lower case. */
  readonly header: string;
  /** Undefined while another process leads, or this one does not know all that is there yet. */
  readonly leader: () => Leader | undefined;
  /** Who leads, in words. */
  readonly describe: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const socketsMax = 1_000;

export class PoolmgrEndpoint implements Stoppable {
  readonly #sockets = new Set<LiveSocket>();
  readonly #webSockets = new WebSocketServer({ ...socketOptions, noServer: true, clientTracking: false });
  #isStopped = false;

  constructor(private readonly options: PoolmgrEndpointOptions) {}

  /** Takes every upgrade of the server. */
  attach(server: Server): void {
    server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) => this.#upgrade(req, socket, head));
  }

  /** Cuts every connection, and lets nobody in any more. */
  stop(): void {
    this.#isStopped = true;
    for (const socket of this.#sockets) socket.terminate();
  }

  #upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Without a listener a reset would end the process.
    socket.on("error", () => socket.destroy());
    try {
      const leader = this.#admit(req);
      this.#webSockets.handleUpgrade(req, socket, head, (webSocket) => {
        if (req.url === routerPath) this.#serveRouter(webSocket, leader);
        else this.#serveViewer(webSocket, leader);
      });
    } catch (error) {
      refuse(socket, error instanceof AppError ? error : new AppError("INTERNAL", "The pool manager failed."));
      lingerUnread(socket, this.options.clock);
    }
  }

  /** Throws what the request is to be answered with where it is not let in. */
  #admit(req: IncomingMessage): Leader {
    const { verify, header, leader, describe } = this.options;
    const { method = "", url = "", headers } = req;
    if (url !== routerPath && url !== poolsPath) throw new AppError("NOT_FOUND", "There is nothing here.");
    verify(headers[header], { method, path: url });
    const found = this.#isStopped ? undefined : leader();
    if (found === undefined) {
      throw new AppError("CLUSTER_UNAVAILABLE", `This pool manager does not lead: ${describe()}`);
    }
    if (this.#sockets.size >= socketsMax) {
      throw new AppError("CLUSTER_UNAVAILABLE", `This pool manager serves ${socketsMax} connections already.`);
    }
    return found;
  }

  #serveRouter(webSocket: WebSocket, { hub }: Leader): void {
    const socket = new LiveSocket(webSocket, this.options.clock, {
      onText: (text) => this.#hear(text, socket, connection),
      onClose: (isForGood) => {
        this.#sockets.delete(socket);
        connection.end(isForGood);
      },
    });
    this.#sockets.add(socket);
    const connection = hub.connect({
      deliver: (message, number) => socket.send({ number, message } satisfies FromPoolmgr),
      onLost: () => socket.breakOff(),
    });
  }

  #serveViewer(webSocket: WebSocket, { view }: Leader): void {
    const socket = new LiveSocket(webSocket, this.options.clock, {
      // Nothing that it could say is known to this version.
      onText: () => {},
      onClose: () => {
        this.#sockets.delete(socket);
        feed.stop();
      },
    });
    this.#sockets.add(socket);
    const isCurrent = (): boolean => this.options.leader()?.view === view;
    const { clock } = this.options;
    const feed = new PoolFeed({
      ...{ view, clock, isCurrent },
      send: (message) => socket.send({ message }),
      onEnd: () => socket.breakOff(),
    });
  }

  #hear(text: string, socket: LiveSocket, connection: Connection): void {
    let said: FromRouter | undefined;
    try {
      said = readFromRouter(text);
    } catch (error) {
      this.options.logger.warn({ err: error }, "a router said what can't be read; its stream is closed");
      return socket.reject("The message can't be read.");
    }
    if (said !== undefined) connection.receive(said.message, said.seen);
  }
}

function refuse(socket: Duplex, { code, message, httpStatus }: AppError): void {
  const body = JSON.stringify({ error: { code, message } });
  socket.end(
    [
      `HTTP/1.1 ${httpStatus} ${STATUS_CODES[httpStatus] ?? ""}`,
      "Connection: close",
      "Content-Type: application/json; charset=utf-8",
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Fermi-Error: ${code}`,
      "",
      body,
    ].join("\r\n"),
  );
}
