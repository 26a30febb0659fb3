/**
 * The API's HTTP server: GraphQL over HTTP and WebSocket at /graphql, health, metrics and the playground beside it.
 * Without a token it answers this machine's own programs only, and no web page but its own.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ApolloServer } from "@apollo/server";
import { expressMiddleware } from "@as-integrations/express5";
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from "express";
import { Authenticator } from "../auth/authenticate.js";
import { HostGuard } from "../auth/host-guard.js";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { asksForWebSocket, ignoringUpgrades, type IgnoreUpgrade } from "../lib/ignore-upgrade.js";
import { lingerUnread } from "../lib/linger.js";
import type { Logger } from "../lib/logger.js";
import { newId } from "../lib/new-id.js";
import type { Principal } from "../model/request-context.js";
import { type ApiContext, createApiContext } from "../resolvers/api-context.js";
import { buildApiSchema } from "../resolvers/build-schema.js";
import type { ApiParts } from "../resolvers/operations.js";
import { ConnectionDues } from "../router/connection-dues.js";
import { formatError, logErrors } from "./graphql-format-error.js";
import { createGraphQLOverHttp } from "./graphql-http.js";
import { defaultOperationLimits, type OperationLimits } from "./graphql-limits.js";
import { defaultSocketLimits, type SocketLimits } from "./graphql-socket.js";
import { GraphQLOverWebSocket, type SocketMetrics } from "./graphql-websocket.js";

export interface ApiServerOptions {
  readonly parts: ApiParts;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Null: whoever is on this machine may do everything. */
  readonly adminToken: string | null;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Whether answers are to be the last of their connections, so that clients connect anew elsewhere. */
  readonly isDraining?: () => boolean;
  /** How long requests in flight may finish at `stop`. */
  readonly stopTimeoutMs: number;
  /** Bounds its connections, once it listens. */
  readonly guard?: (server: Server) => void;
  /** Health is answered without a token, so that probes need none; metrics name functions and do. */
  readonly handlers: {
    readonly healthz: RequestHandler;
    readonly readyz: RequestHandler;
    readonly metrics: RequestHandler;
    /** Serves `/` and whatever belongs to it. */
    readonly playground: RequestHandler;
  };
  readonly socketMetrics: SocketMetrics;
  readonly limits?: Partial<OperationLimits>;
  readonly socketLimits?: Partial<SocketLimits>;
}

export interface ApiAddress {
  readonly host: string;
  readonly port: number;
}

/** A message of 1 MiB, most of it escaped, and what goes with it. */
const bodyBytesMax = 4 * 1024 * 1024;
const socketMessageBytesMax = 1024 * 1024;
/** As the router: longer than clients and load balancers keep idle connections (60 s), so that none asks on a closing one. */
const keepAliveTimeoutMs = 65_000;
/** How long answers may take behind which a request waits. */
const dueAnswersMs = 5 * 60_000;
const graphqlPath = "/graphql";
const bodyTooLarge = new AppError("BODY_TOO_LARGE", "The request's body is larger than 4 MiB.");
const badBody = new AppError("BAD_REQUEST", "The request's body must be JSON: {query, variables, operationName}.");
const badPath = new AppError(
  "BAD_REQUEST",
  "The request's path can't be read: what follows a '%' in it must be UTF-8.",
);

export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #authenticator: Authenticator;
  readonly #guard: HostGuard;
  #running:
    | { readonly server: Server; readonly apollo: ApolloServer<ApiContext>; readonly sockets: GraphQLOverWebSocket }
    | undefined;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#authenticator = new Authenticator(options.adminToken);
    this.#guard = new HostGuard({
      configuredHost: options.host,
      demandsToken: this.#authenticator.demandsToken,
    });
  }

  /** Resolves when it listens. */
  async start(): Promise<ApiAddress> {
    const { parts, logger, clock, stopTimeoutMs, host, port } = this.#options;
    const schema = await buildApiSchema(parts);
    const limits = { ...defaultOperationLimits, ...this.#options.limits };
    const app = express();
    const server = createServer({ keepAliveTimeout: keepAliveTimeoutMs }, app);
    const ignoreUpgrade = this.#ignoringInTurn(server);
    const apollo = createGraphQLOverHttp({ schema, httpServer: server, limits, logger, stopTimeoutMs });
    const sockets = new GraphQLOverWebSocket({
      schema,
      authenticator: this.#authenticator,
      createContext: (ctx, options) => createApiContext(parts, ctx, options),
      limits,
      socketLimits: { ...defaultSocketLimits, ...this.#options.socketLimits },
      messageBytesMax: socketMessageBytesMax,
      metrics: this.#options.socketMetrics,
      logger,
      clock,
    });
    await apollo.start();
    this.#route(app, apollo);
    server.on("upgrade", (req, socket: Socket, head) => {
      if (asksForWebSocket(req)) this.#upgrade(sockets, req, socket, head);
      else ignoreUpgrade(req, socket, head);
    });
    this.#running = { server, apollo, sockets };
    server.listen(port, host);
    await once(server, "listening");
    this.#options.guard?.(server);
    return { host, port: (server.address() as AddressInfo).port };
  }

  /** Takes no new request, ends every socket, lets requests in flight finish for a while. Idempotent. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.sockets.stop();
    await running?.apollo.stop();
  }

  #route(app: Express, apollo: ApolloServer<ApiContext>): void {
    const { healthz, readyz, metrics, playground } = this.#options.handlers;
    app.disable("x-powered-by");
    app.use(identify, this.#sendElsewhere, this.#checkHost);
    app.get("/healthz", healthz);
    app.get("/readyz", readyz);
    app.get("/metrics", this.#authenticate, metrics);
    app.use(
      graphqlPath,
      this.#authenticate,
      express.json({ limit: bodyBytesMax }),
      expressMiddleware(apollo, { context: ({ res }) => Promise.resolve(this.#context(res)) }),
    );
    app.use(playground);
    app.use((_req, res) => refuse(res, new AppError("NOT_FOUND", "There is nothing here. GraphQL is at /graphql.")));
    app.use(this.#onError);
  }

  readonly #sendElsewhere: RequestHandler = (_req, res, next) => {
    if (this.#options.isDraining?.() === true) res.setHeader("Connection", "close");
    next();
  };

  readonly #checkHost: RequestHandler = (req, _res, next) => {
    this.#guard.checkHost(req.headers.host);
    next();
  };

  readonly #authenticate: RequestHandler = (req, res, next) => {
    const { authorization } = req.headers;
    locals(res).principal = this.#authenticator.authenticate({
      authorization,
      remoteAddress: req.socket.remoteAddress,
    });
    next();
  };

  /** Express recognizes it by its four parameters. */
  readonly #onError: ErrorRequestHandler = (error: unknown, _req, res, next) => {
    const known = toAppError(error);
    logErrors(this.#options.logger, locals(res).requestId, [known]);
    if (res.headersSent) next(known);
    else refuse(res, known);
  };

  #context(res: Response): ApiContext {
    const { principal, requestId } = locals(res) as Required<Locals>;
    const left = new AbortController();
    res.once("close", () => left.abort());
    return createApiContext(this.#options.parts, { principal, requestId, signal: left.signal }, { cache: true });
  }

  /** A request is read anew when those before it on its connection are answered: Node keeps answers in order as it reads. */
  #ignoringInTurn(server: Server): IgnoreUpgrade {
    const dues = new ConnectionDues(this.#options.clock, dueAnswersMs);
    const ignoreUpgrade = ignoringUpgrades(server);
    server.on("request", (req, res) => void dues.expect(req, res));
    return (req, socket, head) => {
      const destroy = (): void => void socket.destroy();
      // Without a listener a client's reset would end the process.
      socket.on("error", destroy);
      dues.handOver(socket, () => {
        socket.off("error", destroy);
        ignoreUpgrade(req, socket, head);
      });
    };
  }

  #upgrade(sockets: GraphQLOverWebSocket, req: IncomingMessage, connection: Duplex, head: Buffer): void {
    try {
      if (req.url?.split("?")[0] !== graphqlPath) throw new AppError("NOT_FOUND", "WebSockets are served at /graphql.");
      this.#guard.checkHost(req.headers.host);
      this.#guard.checkOrigin(req.headers.origin, req.headers.host);
      if (!sockets.hasRoom)
        throw new AppError("RATE_LIMITED", "Too many WebSockets are open.", { retryAfterSeconds: 10 });
      sockets.upgrade(req, connection, head);
    } catch (error) {
      refuseUpgrade(connection, toAppError(error));
      lingerUnread(connection, this.#options.clock);
    }
  }
}

interface Locals {
  requestId: string;
  principal?: Principal;
}

const locals = (res: Response): Locals => res.locals as Locals;

const identify: RequestHandler = (_req, res, next) => {
  locals(res).requestId = newId();
  res.setHeader("X-Request-Id", locals(res).requestId);
  next();
};

/** body-parser tells what was wrong by `type`, a path that can't be decoded has a status; whatever else gets here is a bug. */
function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { type, status } = error as { type?: unknown; status?: unknown };
  if (type === "entity.too.large") return bodyTooLarge;
  if (typeof status === "number" && status >= 400 && status < 500) return typeof type === "string" ? badBody : badPath;
  return new AppError("INTERNAL", formatError(error).message, { cause: error });
}

/** The form of a GraphQL answer, so that clients find the message where they look for it. */
function refuse(res: Response, error: AppError): void {
  if (error.retryAfterSeconds !== undefined) res.setHeader("Retry-After", error.retryAfterSeconds);
  if (error.code === "UNAUTHENTICATED") res.setHeader("WWW-Authenticate", "Bearer");
  res.status(error.httpStatus).json({ errors: [formatError(error)] });
}

function refuseUpgrade(connection: Duplex, error: AppError): void {
  const body = JSON.stringify({ errors: [formatError(error)] });
  const headers = [
    `HTTP/1.1 ${error.httpStatus} ${STATUS_CODES[error.httpStatus] ?? ""}`,
    "Content-Type: application/json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${newId()}`,
    "Connection: close",
  ];
  if (error.retryAfterSeconds !== undefined) headers.push(`Retry-After: ${error.retryAfterSeconds}`);
  connection.on("error", () => connection.destroy());
  connection.end(`${headers.join("\r\n")}\r\n\r\n${body}`);
}
