/**
 * The one way in which the command line talks to a server: GraphQL over HTTP, and over WebSocket for what is live.
 * Whatever goes wrong is a CliError whose message says what to do next.
 */
import { isErrorCode } from "../errors/codes.js";
import { CliError, exitCodes, generalAdvice, type Advice } from "./cli-error.js";
import { connectionProblem, noAnswer, noFermi, noWebSocket, socketClosed } from "./connection-problem.js";
import { inFlags, type Flags } from "./flags.js";
import { RefusedUpgrade, subscribe, type SocketClose } from "./graphql-socket.js";
import { post, type HttpAnswer } from "./http-post.js";

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
    if (url.username !== "" || url.password !== "") {
      throw new CliError(exitCodes.usage, "--server takes no user and password; what the API asks for is a --token");
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
    const signal = isUnbounded ? undefined : AbortSignal.timeout(answerTimeoutMs);
    const answer = await this.#post(JSON.stringify({ query: text, variables }), signal);
    const read = parseAnswer(answer.text);
    if (read === undefined) throw noFermi(this.#server, answer);
    const [error] = read.errors ?? [];
    if (error !== undefined) throw this.#refusal(error, advice);
    return read.data as Data;
  }

  /** Each event until the server or `signal` ends it; a lost connection is an error, an abort is not. */
  async *subscribe<Data, Variables extends Record<string, unknown>>(
    { text }: Operation<Data, Variables>,
    variables: Variables,
    signal: AbortSignal,
  ): AsyncGenerator<Data> {
    const subscription = { url: this.#url, token: this.#token, query: text, variables };
    try {
      for await (const { data, errors } of subscribe<Data>(subscription, signal)) {
        const [error] = errors ?? [];
        if (error !== undefined) throw this.#refusal(error);
        if (data !== null && data !== undefined) yield data;
      }
    } catch (error) {
      if (!signal.aborted) throw this.#subscriptionProblem(error);
    }
  }

  async #post(body: string, signal: AbortSignal | undefined): Promise<HttpAnswer> {
    const headers = {
      "content-type": "application/json",
      accept: "application/json",
      ...(this.#token === null ? {} : { authorization: `Bearer ${this.#token}` }),
    };
    try {
      return await post(this.#url, headers, body, signal);
    } catch (error) {
      throw signal?.aborted === true
        ? noAnswer(this.#server, answerTimeoutMs)
        : connectionProblem(this.#server, error as Error);
    }
  }

  #refusal({ message, extensions }: GraphqlError, advice: Advice = {}): CliError {
    const { code, field } = extensions ?? {};
    const next = isErrorCode(code) ? (advice[code] ?? generalAdvice[code]) : undefined;
    const told = { message, field: code === "BAD_USER_INPUT" && typeof field === "string" ? field : undefined };
    const what = inFlags(told, this.#flags).replace(/\.\s*$/, "");
    return new CliError(exitCodes.refused, next === undefined ? what : `${what}; ${next}`);
  }

  #subscriptionProblem(error: unknown): CliError {
    if (error instanceof CliError) return error;
    if (isGraphqlErrors(error)) return this.#refusal(error[0]);
    if (error instanceof RefusedUpgrade) {
      const [refused] = parseAnswer(error.answer.text)?.errors ?? [];
      return refused === undefined ? noWebSocket(this.#server, error.answer) : this.#refusal(refused);
    }
    return error instanceof Error
      ? connectionProblem(this.#server, error)
      : socketClosed(this.#server, error as SocketClose);
  }
}

/** Undefined where it is no answer of a GraphQL API. */
function parseAnswer(text: string): GraphqlAnswer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isAnswer(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isAnswer = (value: unknown): value is GraphqlAnswer =>
  typeof value === "object" && value !== null && ("data" in value || "errors" in value);

const isGraphqlErrors = (error: unknown): error is [GraphqlError] =>
  Array.isArray(error) && typeof (error[0] as GraphqlError | undefined)?.message === "string";
