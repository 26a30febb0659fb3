/**
 * A subscription over WebSocket (graphql-transport-ws). It ends where the server falls silent: a connection whose other
 * end has vanished looks just like one on which nothing happens.
 */
import { text } from "node:stream/consumers";
import type { FormattedExecutionResult } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket, { type ErrorEvent } from "ws";
import type { HttpAnswer } from "./http-post.js";

/** After so long the server is asked for a sign of life … */
const askAfterMs = 20_000;
/** … and given up where it has given none, be it that it never took the connection. */
const silentMsMax = 30_000;

/** The server, or what stands before it, answered in HTTP instead of opening a WebSocket. */
export class RefusedUpgrade extends Error {
  constructor(readonly answer: HttpAnswer) {
    super(`HTTP ${answer.status}`);
  }
}

export class SilentServer extends Error {
  constructor() {
    super(`it has said nothing for ${silentMsMax / 1000} s`);
  }
}

/** How a socket that was open ended. */
export interface SocketClose {
  readonly code: number;
  /** Empty where nobody closed it, but the connection ended. */
  readonly reason: string;
}

export interface Subscription {
  /** Of the API, over HTTP. */
  readonly url: string;
  readonly token: string | null;
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

/** Throws a RefusedUpgrade or another Error, a SocketClose, or what is wrong with the operation: an array of errors. */
export async function* subscribe<Data>(
  { url, token, query, variables }: Subscription,
  signal: AbortSignal,
): AsyncGenerator<FormattedExecutionResult<Data, unknown>> {
  const client = createClient({
    url: url.replace(/^http/, "ws"),
    webSocketImpl: socketWithin(signal),
    retryAttempts: 0,
    keepAlive: askAfterMs,
    ...(token === null ? {} : { connectionParams: { Authorization: `Bearer ${token}` } }),
  });
  try {
    yield* client.iterate<Data>({ query, variables });
  } catch (error) {
    throw isErrorEvent(error) ? error.error : error;
  } finally {
    await client.dispose();
  }
}

const isErrorEvent = (error: unknown): error is ErrorEvent =>
  typeof error === "object" && error !== null && "error" in error;

/** The kind of sockets that end with `signal`, or when the server is silent for too long. */
const socketWithin = (signal: AbortSignal) =>
  class extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols);
      const silence = setTimeout(() => this.#fail(new SilentServer()), silentMsMax);
      const end = (): void => this.terminate();
      signal.addEventListener("abort", end);
      this.on("message", () => silence.refresh());
      this.on("close", () => {
        clearTimeout(silence);
        signal.removeEventListener("abort", end);
      });
      this.on("unexpected-response", (_request, response) => {
        const { statusCode: status = 0, headers } = response;
        const { location } = headers;
        void text(response).then(
          (read) => this.#fail(new RefusedUpgrade({ status, location, text: read })),
          (error: unknown) => this.#fail(error as Error),
        );
      });
    }

    /** Its reason comes first: a socket that is just ended tells none. */
    #fail(reason: Error): void {
      this.emit("error", reason);
      this.terminate();
    }
  };
