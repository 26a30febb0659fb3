/** A GraphQL client for tests: over HTTP with fetch, over WebSocket with graphql-ws. */
import http from "node:http";
import { createClient, type Client } from "graphql-ws";
import { WebSocket } from "ws";

/** A result as it came. Compare it whole, or take a value out of it with `valueAt`. */
export type Data = Readonly<Record<string, unknown>>;

/** What lies at a path such as `functions.nodes.0.id`; undefined where nothing does. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what lies there
export function valueAt<T = string>(data: unknown, path: string): T {
  const step = (value: unknown, key: string): unknown => (value as Data | null | undefined)?.[key];
  return path.split(".").reduce(step, data) as T;
}

export interface ApiError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions: { readonly code: string; readonly field?: string; readonly retryAfterSeconds?: number };
}

export interface ApiAnswer<T = Data> {
  readonly status: number;
  readonly headers: Headers;
  readonly data?: T | null;
  readonly errors?: readonly ApiError[];
  /** As it was sent. */
  readonly text: string;
}

const deadlineMs = 10_000;

export class ApiClient {
  readonly #sockets: Client[] = [];

  constructor(
    readonly port: number,
    readonly token?: string,
  ) {}

  get httpUrl(): string {
    return `http://127.0.0.1:${this.port}/graphql`;
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}/graphql`;
  }

  /** Sends an operation, with the token where there is one; headers given here go before. */
  async gql<T = Data>(
    query: string,
    variables?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ApiAnswer<T>> {
    const response = await fetch(this.httpUrl, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.#authorization(), ...headers },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(deadlineMs),
    });
    const text = await response.text();
    const answer = JSON.parse(text) as Pick<ApiAnswer<T>, "data" | "errors">;
    return { status: response.status, headers: response.headers, text, ...answer };
  }

  /** As `gql`, but an error fails the test. */
  async ok<T = Data>(query: string, variables?: object): Promise<T> {
    const { data, errors, text } = await this.gql<T>(query, variables);
    if (errors !== undefined || data === null || data === undefined) throw new Error(text);
    return data;
  }

  /** As `gql`, but anything other than exactly one error fails the test. Tells what was sent back as text too. */
  async refused(
    query: string,
    variables?: object,
  ): Promise<ApiError["extensions"] & { message: string; text: string }> {
    const { errors = [], text } = await this.gql(query, variables);
    const [error] = errors;
    if (error === undefined || errors.length > 1) throw new Error(`expected one error: ${text}`);
    return { ...error.extensions, message: error.message, text };
  }

  /** A raw request, for what fetch would not send. */
  raw(
    options: http.RequestOptions,
    body?: string,
  ): Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }> {
    return new Promise((resolve, reject) => {
      const request = http.request({ host: "127.0.0.1", port: this.port, agent: false, ...options }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
      });
      request.setTimeout(deadlineMs, () => request.destroy(new Error("no answer in time")));
      request.on("error", reject);
      request.end(body);
    });
  }

  socket(connectionParams?: Record<string, unknown>): Client {
    const client = createClient({
      url: this.wsUrl,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: connectionParams ?? this.#authorization(),
    });
    this.#sockets.push(client);
    return client;
  }

  /** Runs an operation over a WebSocket of its own. */
  subscribe<T = Data>(query: string, variables?: Record<string, unknown>): Subscribed<T> {
    return new Subscribed<T>(this.socket(), query, variables);
  }

  #authorization(): Record<string, string> {
    return this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) await socket.dispose();
  }
}

export interface WsResult<T> {
  readonly data?: T | null;
  readonly errors?: readonly ApiError[];
}

/** What came so far of one subscription, waited for with a deadline. */
export class Subscribed<T> {
  readonly results: WsResult<T>[] = [];
  /** What ended it: errors of the operation, or the close event of the socket. */
  failure: unknown;
  isComplete = false;
  #wake = (): void => {};
  readonly #end: () => void;

  constructor(
    readonly client: Client,
    query: string,
    variables?: Record<string, unknown>,
  ) {
    this.#end = client.subscribe<T>(
      { query, variables },
      {
        next: (result) => this.#tell(() => this.results.push(result as WsResult<T>)),
        error: (error) => this.#tell(() => (this.failure = error)),
        complete: () => this.#tell(() => (this.isComplete = true)),
      },
    );
  }

  end(): void {
    this.#end();
  }

  /** The first `count` results' data. */
  async take(count: number): Promise<T[]> {
    await this.until(() => this.results.length >= count);
    return this.results.slice(0, count).map(({ data, errors }) => {
      if (data === null || data === undefined) throw new Error(JSON.stringify(errors));
      return data;
    });
  }

  /** The errors with which the operation was refused. */
  async refusal(): Promise<readonly ApiError[]> {
    await this.until(() => this.failure !== undefined || this.results.length > 0);
    return (this.failure as readonly ApiError[] | undefined) ?? this.results[0]?.errors ?? [];
  }

  async until(holds: () => boolean): Promise<void> {
    const late = new Error(`not in time: ${JSON.stringify([this.results.slice(0, 5), this.failure])}`);
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(late), deadlineMs);
    });
    try {
      while (!holds()) await Promise.race([deadline, new Promise<void>((resolve) => (this.#wake = resolve))]);
    } finally {
      clearTimeout(timer);
    }
  }

  #tell(change: () => void): void {
    change();
    this.#wake();
  }
}
