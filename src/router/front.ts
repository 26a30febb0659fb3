/**
 * The router's HTTP server: takes requests and upgrades in, refuses what is malformed with a JSON error, answers Fermi's
 * own paths under `/-/`, and hands the rest to the handlers.
 */
import { createServer, type IncomingMessage, type ServerResponse, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { asksForWebSocket, ignoringUpgrades, type IgnoreUpgrade } from "../lib/ignore-upgrade.js";
import { lingerUnread } from "../lib/linger.js";
import { newId } from "../lib/new-id.js";
import { isAsyncCall, isStatusPath, type AsyncDoor } from "./async-door.js";
import { ConnectionDues, type Turn } from "./connection-dues.js";
import type { Forwarded } from "./forwarded.js";
import { traceparent } from "./function-headers.js";
import type { PlannedRequest, RequestHandler } from "./handle-request.js";
import type { UpgradeHandler } from "./handle-upgrade.js";
import type { InvokeDoor } from "./invoke-door.js";
import { planCall, type Plan } from "./plan-call.js";
import { malformed, readHead, type RequestHead } from "./request-head.js";
import type { RouteTable } from "./route-table.js";
import { stopUpload } from "./stop-upload.js";
import { isTopicPath, type TopicDoor } from "./topic-door.js";
import { toAppError, writeError, writeErrorToSocket } from "./write-error.js";

export interface FrontOptions {
  readonly routes: { readonly table: RouteTable; readonly isLoaded: boolean };
  readonly requests: RequestHandler;
  readonly upgrades: UpgradeHandler;
  readonly door: InvokeDoor;
  /** Where functions publish; undefined where they can't. */
  readonly topics: TopicDoor | undefined;
  /** Where requests are stored whose callers do not wait; undefined where they can't be. */
  readonly later: AsyncDoor | undefined;
  readonly forwarded: Forwarded;
  readonly clock: Clock;
  readonly mustClose: () => boolean;
  /** Why no traffic should come here, in words; undefined where it should. */
  readonly unready: () => string | undefined;
  /** Answers `/-/metrics`, refusals included. */
  readonly metrics: RequestListener | undefined;
}

export interface ServerLimits {
  readonly maxHeaderBytes: number;
  readonly headersTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** How long a client may take nothing of an answer that is there for it. */
  readonly unreadMs: number;
}

/** How long a connection that can't be read any more is kept for answers that are due on it. */
const dueAnswersMs = 5 * 60_000;

export class Front {
  readonly #sockets = new Set<Socket>();
  #onEmpty: (() => void) | undefined;
  #looking: { stop(): void } | undefined;
  readonly #dues: ConnectionDues;
  #ignoreUpgrade: IgnoreUpgrade = () => {};

  constructor(private readonly options: FrontOptions) {
    this.#dues = new ConnectionDues(options.clock, dueAnswersMs);
  }

  /** Connections that are open, those that were upgraded too. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Resolves when no connection is open. To be called once. */
  empty(): Promise<void> {
    return this.#sockets.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#onEmpty = resolve));
  }

  /** Closes connections on which nothing was ever asked; Node counts them as busy. */
  closeUnused(): void {
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  /** Closes whatever is open. */
  destroy(): void {
    this.#looking?.stop();
    for (const socket of this.#sockets) socket.destroy();
  }

  createServer(limits: ServerLimits): Server {
    const server = createServer({
      maxHeaderSize: limits.maxHeaderBytes,
      headersTimeout: limits.headersTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      // Uploads may take as long as they move; the exchange watches that. A missing Host gets an answer of our own.
      requestTimeout: 0,
      requireHostHeader: false,
      connectionsCheckingInterval: Math.min(5_000, limits.headersTimeoutMs / 4),
    });
    // A client's FIN is taken as leaving, also after a whole request (docs/decisions/0011): closing a connection and ending
    // one side of it look the same until something is written, and who waits for nobody starts instances for nobody.
    server.maxHeadersCount = 0;
    this.#ignoreUpgrade = ignoringUpgrades(server);
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      // Each pipelined request that waits for its turn listens for the end.
      socket.setMaxListeners(0);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        if (this.#sockets.size === 0) this.#onEmpty?.();
      });
    });
    const request = (req: IncomingMessage, res: ServerResponse): void => this.#request(req, res);
    server.on("request", request);
    server.on("checkContinue", request);
    server.on("checkExpectation", (req: IncomingMessage, res: ServerResponse) => {
      if (!this.#dues.expect(req, res)) return void req.resume();
      this.#refuse(req, res, malformed("The only expectation that can be met is 100-continue."));
    });
    server.on("upgrade", (req: IncomingMessage, socket: Socket, head: Buffer) => {
      // Without a listener a client's reset would end the process.
      socket.on("error", destroyIt);
      this.#dues.handOver(socket, () => this.#upgrade(req, socket, head));
    });
    server.on("connect", (_req: IncomingMessage, socket: Socket) => {
      socket.on("error", destroyIt);
      const error = malformed("This is no forward proxy: CONNECT is not served.");
      this.#dues.handOver(socket, () => this.#refuseOnSocket(socket, error, newId()));
    });
    server.on("clientError", (error: Error, socket: Duplex) => this.#dues.handle(error, socket));
    this.#lookForUnread(limits.unreadMs / 2);
    return server;
  }

  /** One timer for all connections: most answers are taken at once, and one of their own would cost each of them. */
  #lookForUnread(everyMs: number): void {
    this.#looking = this.options.clock.after(everyMs, () => {
      for (const socket of this.#sockets) this.#dues.cutUnread(socket);
      this.#lookForUnread(everyMs);
    });
  }

  #request(req: IncomingMessage, res: ServerResponse): void {
    if (!this.#dues.expect(req, res)) return void req.resume();
    const invocationId = newId();
    try {
      const head = readHead(req);
      if (head.path.startsWith("/-/")) return this.#own({ req, res, head, invocationId });
      const plan = this.#plan(head, req, invocationId);
      if (plan.type === "CALL") return this.#call({ req, res, head, plan: plan.call, invocationId });
      if (plan.type === "REFUSED") return this.#refuse(req, res, plan.error, plan.headers);
      res.writeHead(204, [...plan.headers, "X-Fermi-Invocation-Id", invocationId]).end();
    } catch (error) {
      this.#refuse(req, res, toAppError(error));
    }
  }

  #call(planned: PlannedRequest): void {
    const { requests, later } = this.options;
    const isLater = isAsyncCall(planned.plan.mode, planned.req.headers.prefer);
    if (isLater && later === undefined) throw new AppError("STORE_UNAVAILABLE", "Requests can't be stored here.");
    const turn = this.#dues.turnOf(planned.res);
    if (!isLater || later === undefined) return requests.serve({ ...planned, turn });
    inTurn(turn, () => void later.accept(planned));
  }

  #plan(head: RequestHead, req: IncomingMessage, invocationId: string): Plan {
    const { routes, forwarded } = this.options;
    if (!routes.isLoaded) throw new AppError("STORE_UNAVAILABLE", "The routes are not loaded yet.");
    const requested = req.headers["access-control-request-method"];
    return planCall(routes.table, head, {
      requestedMethod: requested,
      connectionHeaders: () => {
        const host = head.host ?? `${req.socket.localAddress ?? ""}:${req.socket.localPort ?? ""}`;
        return forwarded.headersFor(req.socket, host, req.headers);
      },
      traceparent: () => traceparent(req.headers, invocationId),
    });
  }

  /** Fermi's own paths. */
  #own({ req, res, head, invocationId }: Own): void {
    const { metrics, topics, later } = this.options;
    if (head.path === "/-/healthz") return answerJson(res, 200, { ok: true });
    if (head.path === "/-/readyz") return this.#tellReadiness(res);
    if (head.path === "/-/metrics" && metrics !== undefined) return metrics(req, res);
    if (topics !== undefined && isTopicPath(head.path)) {
      return inTurn(this.#dues.turnOf(res), () => void topics.serve({ req, res, head, invocationId }));
    }
    if (later !== undefined && isStatusPath(head.path)) return void later.tell(req, res, head, invocationId);
    this.#invoke({ req, res, head, invocationId });
  }

  #invoke({ req, res, head, invocationId }: Own): void {
    const { routes, door, requests } = this.options;
    if (head.path !== "/-/invoke" || head.method !== "POST" || !door.isOpenTo(req)) {
      return this.#refuse(req, res, new AppError("ROUTE_NOT_FOUND", "No route matches this host and path."));
    }
    if (!routes.isLoaded) throw new AppError("STORE_UNAVAILABLE", "The routes are not loaded yet.");
    requests.serve({ req, res, head, ...door.plan(routes.table, req, invocationId), turn: this.#dues.turnOf(res) });
  }

  #tellReadiness(res: ServerResponse): void {
    const message = this.options.unready();
    answerJson(res, message === undefined ? 200 : 503, { ready: message === undefined, message });
  }

  /**
   * Answers what matched no function; in a moment, as only then the parser has seen whether the body is complete. What
   * comes behind a malformed request may be no request of the client's, but a part of that one as somebody else reads it.
   */
  #refuse(req: IncomingMessage, res: ServerResponse, error: AppError, headers: readonly string[] = []): void {
    const isMalformed = error.code === "BAD_REQUEST";
    if (isMalformed) this.#dues.ignoreRest(req.socket);
    setImmediate(() => {
      const isLast = isMalformed || !req.complete;
      const close = isLast || this.options.mustClose() ? ["Connection", "close"] : [];
      writeError(res, error, newId(), [...headers, ...close]);
      if (isLast) stopUpload(req, res, this.options.clock);
    });
  }

  #upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    const invocationId = newId();
    if (!asksForWebSocket(req)) {
      socket.off("error", destroyIt);
      return this.#ignoreUpgrade(req, socket, head);
    }
    try {
      const requestHead = readHead(req);
      if (requestHead.contentLength !== 0) throw malformed("A request that opens a WebSocket can't have a body.");
      if (requestHead.method !== "GET") throw malformed("A WebSocket is opened with GET.");
      if (requestHead.path.startsWith("/-/"))
        throw new AppError("ROUTE_NOT_FOUND", "No route matches this host and path.");
      const plan = this.#plan(requestHead, req, invocationId);
      if (plan.type !== "CALL")
        throw plan.type === "REFUSED" ? plan.error : malformed("A WebSocket is opened with GET.");
      if (plan.call.mode === "ASYNC") throw malformed("This route answers later: it opens no WebSocket.");
      void this.options.upgrades.serve({ req, socket, head, plan: plan.call, invocationId });
    } catch (error) {
      this.#refuseOnSocket(socket, toAppError(error), invocationId);
    }
  }

  #refuseOnSocket(socket: Socket, error: AppError, invocationId: string): void {
    writeErrorToSocket(socket, error, invocationId);
    lingerUnread(socket, this.options.clock);
  }
}

interface Own {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly head: RequestHead;
  readonly invocationId: string;
}

function destroyIt(this: Socket): void {
  this.destroy();
}

function inTurn(turn: Turn | undefined, begin: () => void): void {
  if (turn === undefined) begin();
  else turn(begin);
}

function answerJson(res: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  res.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) }).end(text);
}
