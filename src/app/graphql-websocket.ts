/**
 * GraphQL over WebSocket (graphql-transport-ws). Operations that come this way pass by Apollo, so the same limits,
 * validation and errors are applied here; each gets a context of its own.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ExecutionArgs, GraphQLFormattedError, GraphQLSchema } from "graphql";
import { GraphQLError, OperationTypeNode } from "graphql";
import { type Context, handleProtocols, makeServer, type Server, type SubscribePayload } from "graphql-ws";
import { type WebSocket, WebSocketServer } from "ws";
import type { Authenticator } from "../auth/authenticate.js";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { newId } from "../lib/new-id.js";
import type { Principal, RequestContext } from "../model/request-context.js";
import type { ApiContext } from "../resolvers/api-context.js";
import { formatError, logErrors, toGraphQLError } from "./graphql-format-error.js";
import type { OperationLimits } from "./graphql-limits.js";
import { Newcomers } from "./graphql-newcomers.js";
import { prepareOperation, RefusedOperation } from "./graphql-operation.js";
import { closeCodes, GraphQLSocket, type SocketLimits } from "./graphql-socket.js";

/** What is counted of sockets. */
export interface SocketMetrics {
  /** One was ended because its client did not read what was sent. */
  slowSocketEnded(): void;
}

export interface GraphQLOverWebSocketOptions {
  readonly schema: GraphQLSchema;
  readonly authenticator: Authenticator;
  readonly createContext: (ctx: RequestContext, options: { readonly cache: boolean }) => ApiContext;
  readonly limits: OperationLimits;
  readonly socketLimits: SocketLimits;
  readonly messageBytesMax: number;
  readonly metrics: SocketMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
}

interface Extra {
  readonly acknowledge: () => void;
  readonly request: IncomingMessage;
  readonly socket: GraphQLSocket;
  principal?: Principal;
}

type SocketContext = Context<Record<string, unknown>, Extra>;

export class GraphQLOverWebSocket {
  readonly #options: GraphQLOverWebSocketOptions;
  readonly #sockets: WebSocketServer;
  readonly #newcomers: Newcomers;
  readonly #protocol: Server<Extra>;

  constructor(options: GraphQLOverWebSocketOptions) {
    this.#options = options;
    this.#newcomers = new Newcomers(options.socketLimits);
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: options.messageBytesMax, handleProtocols });
    this.#protocol = makeServer<Record<string, unknown>, Extra>({
      onConnect: (ctx) => this.#onConnect(ctx),
      onSubscribe: (ctx, _id, payload) => this.#onSubscribe(ctx, payload),
      onNext: (...[, , , { contextValue }, result]) =>
        result.errors && { ...result, errors: this.#format(result.errors, (contextValue as ApiContext).requestId) },
      onError: (_ctx, _id, _payload, errors) => this.#format(errors, newId()),
    });
  }

  /** Whether one more socket may be opened. */
  get hasRoom(): boolean {
    return this.#sockets.clients.size - this.#newcomers.size < this.#options.socketLimits.socketsMax;
  }

  upgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    this.#sockets.handleUpgrade(request, connection, head, (socket) => {
      this.#newcomers.add(socket, connection);
      this.#open(socket, request);
    });
  }

  /** Tells every client that the server goes away. */
  stop(): void {
    for (const socket of this.#sockets.clients) socket.close(closeCodes.goingAway, "The server is stopping.");
  }

  #open(webSocket: WebSocket, request: IncomingMessage): void {
    const { socketLimits, clock } = this.#options;
    const socket = new GraphQLSocket(webSocket, socketLimits, clock, (bytes) => this.#tellSlow(bytes));
    socket.start();
    const closed = this.#protocol.opened(
      {
        protocol: webSocket.protocol,
        send: (data) => socket.send(data),
        close: (code = closeCodes.goingAway, reason = "") => socket.close(code, reason),
        onMessage: (handle) =>
          webSocket.on("message", (data: Buffer) => {
            if (!socket.signal.aborted) void this.#guard(socket, () => handle(data.toString("utf8")));
          }),
      },
      { request, socket, acknowledge: () => this.#newcomers.acknowledge(webSocket) },
    );
    const end = (): void => void this.#guard(socket, () => closed(closeCodes.goingAway, ""));
    socket.signal.addEventListener("abort", end, { once: true });
  }

  #tellSlow(bufferedBytes: number): void {
    const { metrics, logger } = this.#options;
    metrics.slowSocketEnded();
    logger.warn({ bufferedBytes }, "a WebSocket was ended, because its client did not read in time what was sent");
  }

  async #guard(socket: GraphQLSocket, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      logErrors(this.#options.logger, newId(), [error]);
      socket.close(closeCodes.internal, "Something went wrong inside Fermi. Its log says what.");
    }
  }

  #onConnect({ connectionParams, extra }: SocketContext): boolean {
    const { headers, socket } = extra.request;
    try {
      extra.principal = this.#options.authenticator.authenticate({
        authorization: authorizationOf(connectionParams) ?? headers.authorization,
        remoteAddress: socket.remoteAddress,
      });
      extra.acknowledge();
      return true;
    } catch (error) {
      extra.socket.close(closeCodes.unauthenticated, `UNAUTHENTICATED: ${formatError(error).message}`);
      return false;
    }
  }

  #onSubscribe(ctx: SocketContext, payload: SubscribePayload): ExecutionArgs | readonly GraphQLError[] {
    try {
      return this.#prepare(ctx, payload);
    } catch (error) {
      if (error instanceof RefusedOperation) return error.errors;
      if (error instanceof AppError) return [toGraphQLError(error)];
      return [new GraphQLError("refused", { originalError: error as Error })];
    }
  }

  #prepare({ extra, subscriptions }: SocketContext, payload: SubscribePayload): ExecutionArgs {
    const { schema, limits, socketLimits, createContext } = this.#options;
    const { principal, socket } = extra;
    if (principal === undefined) throw new AppError("UNAUTHENTICATED", "The connection was not acknowledged.");
    // The one that asks is counted already.
    if (Object.keys(subscriptions).length > socketLimits.operationsMax) {
      throw new AppError("RATE_LIMITED", `One socket may run ${socketLimits.operationsMax} operations at a time.`);
    }
    const { document, operation, variables } = prepareOperation(schema, limits, payload);
    const request: RequestContext = { principal, requestId: newId(), signal: socket.signal };
    const contextValue = createContext(request, { cache: operation.operation !== OperationTypeNode.SUBSCRIPTION });
    return { schema, document, operationName: payload.operationName, variableValues: variables, contextValue };
  }

  #format(errors: readonly GraphQLError[], requestId: string): GraphQLFormattedError[] {
    logErrors(this.#options.logger, requestId, errors);
    return errors.map(formatError);
  }
}

/** The playground sends its headers as connection parameters, in whichever case they were typed. */
function authorizationOf(parameters: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const found = Object.entries(parameters ?? {}).find(([name]) => name.toLowerCase() === "authorization")?.[1];
  return typeof found === "string" ? found : undefined;
}
