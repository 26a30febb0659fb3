/**
 * The one way in which the command line talks to a server: GraphQL over HTTP, and over WebSocket for what is live.
 * Whatever goes wrong is a CliError whose message says what to do next.
 */
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { isErrorCode } from "../errors/codes.js";
import { CliError, exitCodes, generalAdvice, type Advice } from "./cli-error.js";
import { inFlags, type Flags } from "./flags.js";

/** The text of an operation; the type parameters are what it answers and what it takes. */
export interface Operation<Data, Variables> {
  readonly text: string;
  /** Never there: it only carries the types. */
  readonly types?: (variables: Variables) => Data;
}

export const operation = <Data, Variables = Record<string, never>>(text: string): Operation<Data, Variables> => ({
  text,
});

interface GraphqlError {
  readonly message: string;
  readonly extensions?: { readonly code?: unknown; readonly field?: unknown };
}

interface GraphqlAnswer {
  readonly data?: unknown;
  readonly errors?: readonly GraphqlError[];
}

export interface ClientOptions {
  readonly server: string;
  readonly token: string | null;
  readonly flags: Flags;
}

/** How long the server may take for anything but running a function. */
const answerTimeoutMs = 30_000;

export class GraphqlClient {
  readonly #server: string;
  readonly #url: string;
  readonly #token: string | null;
  readonly #flags: Flags;

  constructor({ server, token, flags }: ClientOptions) {
    const url = URL.parse(server);
    if (url === null || !["http:", "https:"].includes(url.protocol)) {
      throw new CliError(exitCodes.usage, `--server must be an address such as http://localhost:31313`);
    }
    this.#server = server.replace(/\/+$/, "").replace(/\/graphql$/, "");
    this.#url = `${this.#server}/graphql`;
    this.#token = token;
    this.#flags = flags;
  }

  /** `advice` says what to do next where the server refuses with one of its codes. `isUnbounded` waits for ever. */
  async request<Data, Variables>(
    { text }: Operation<Data, Variables>,
    variables: Variables,
    { advice = {}, isUnbounded = false }: { advice?: Advice; isUnbounded?: boolean } = {},
  ): Promise<Data> {
    const signal = isUnbounded ? null : AbortSignal.timeout(answerTimeoutMs);
    const response = await this.#post(JSON.stringify({ query: text, variables }), signal);
    const { data, errors } = await this.#readAnswer(response);
    const [error] = errors ?? [];
    if (error !== undefined) throw this.#refusal(error, advice);
    return data as Data;
  }

  /** Each event until the server or `signal` ends it; a lost connection is an error, an abort is not. */
  async *subscribe<Data, Variables extends Record<string, unknown>>(
    { text }: Operation<Data, Variables>,
    variables: Variables,
    signal: AbortSignal,
  ): AsyncGenerator<Data> {
    const client = createClient({
      url: this.#url.replace(/^http/, "ws"),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      ...(this.#token === null ? {} : { connectionParams: { Authorization: `Bearer ${this.#token}` } }),
    });
    const events = client.iterate<Data>({ query: text, variables });
    const stop = (): void => void events.return?.(undefined);
    signal.addEventListener("abort", stop, { once: true });
    try {
      for await (const { data, errors } of events) {
        const [error] = errors ?? [];
        if (error !== undefined) throw this.#refusal(error);
        if (data !== null && data !== undefined) yield data;
      }
    } catch (error) {
      if (!signal.aborted) throw this.#asCliError(error);
    } finally {
      signal.removeEventListener("abort", stop);
      await client.dispose();
    }
  }

  async #post(body: string, signal: AbortSignal | null): Promise<Response> {
    const headers = new Headers({ "content-type": "application/json", accept: "application/json" });
    if (this.#token !== null) headers.set("authorization", `Bearer ${this.#token}`);
    try {
      return await fetch(this.#url, { method: "POST", headers, body, signal });
    } catch (error) {
      throw this.#asCliError(error);
    }
  }

  async #readAnswer(response: Response): Promise<GraphqlAnswer> {
    const text = await response.text().catch((error: unknown) => {
      throw this.#asCliError(error);
    });
    const answer = parseJson(text);
    if (isAnswer(answer)) return answer;
    throw new CliError(
      exitCodes.unreachable,
      `${this.#server} answers, but is no Fermi API (HTTP ${response.status}); pass its address with --server`,
    );
  }

  #refusal({ message, extensions }: GraphqlError, advice: Advice = {}): CliError {
    const { code, field } = extensions ?? {};
    const next = isErrorCode(code) ? (advice[code] ?? generalAdvice[code]) : undefined;
    const told = { message, field: code === "BAD_USER_INPUT" && typeof field === "string" ? field : undefined };
    const what = inFlags(told, this.#flags).replace(/\.\s*$/, "");
    return new CliError(exitCodes.refused, next === undefined ? what : `${what}; ${next}`);
  }

  #asCliError(error: unknown): CliError {
    if (error instanceof CliError) return error;
    if (isGraphqlErrors(error)) return this.#refusal(error[0]);
    if (isCloseEvent(error) && error.reason !== "") {
      const exitCode = error.code === 4403 || error.code === 4401 ? exitCodes.refused : exitCodes.unreachable;
      return new CliError(exitCode, `the server closed the connection: ${error.reason}`);
    }
    if ((error as Error | undefined)?.name === "TimeoutError") {
      const seconds = answerTimeoutMs / 1000;
      return new CliError(
        exitCodes.unreachable,
        `no answer from ${this.#server} within ${seconds} s; is it overloaded?`,
      );
    }
    const start = "start one with `npm start` or pass --server";
    return new CliError(exitCodes.unreachable, `no server at ${this.#server}; ${start}`, { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isAnswer = (value: unknown): value is GraphqlAnswer =>
  typeof value === "object" && value !== null && ("data" in value || "errors" in value);

const isCloseEvent = (error: unknown): error is { code: number; reason: string } =>
  typeof error === "object" && error !== null && "code" in error && "reason" in error;

const isGraphqlErrors = (error: unknown): error is [GraphqlError] =>
  Array.isArray(error) && typeof (error[0] as GraphqlError | undefined)?.message === "string";
