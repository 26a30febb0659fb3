import http from "node:http";
import net from "node:net";

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly trailers: NodeJS.Dict<string>;
  /** False where the connection was lost before the answer was complete. */
  readonly isComplete: boolean;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders | readonly string[];
  readonly body?: string | Buffer;
  readonly agent?: http.Agent;
}

/** One request, read to its end. */
export function ask(
  port: number,
  path: string,
  { method = "GET", headers = {}, body, agent }: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, method, headers, agent: agent ?? false };
    const req = http.request(options as http.RequestOptions, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("error", () => {});
      res.on("close", () =>
        resolve({
          status: res.statusCode ?? 0,
          headers: res.headers,
          rawHeaders: res.rawHeaders,
          body: Buffer.concat(chunks).toString(),
          trailers: res.trailers,
          isComplete: res.complete,
        }),
      );
    });
    req.on("error", reject);
    req.end(body);
  });
}

/** The error code in a platform failure's body. */
export const errorCode = (answer: { readonly body: string }): string =>
  (JSON.parse(answer.body) as { error: { code: string } }).error.code;

/** A bare connection: what is written is what is sent, what comes back is kept. */
export class RawClient {
  received = "";
  isClosed = false;
  readonly socket: net.Socket;

  private constructor(port: number, options: { readonly allowHalfOpen?: boolean }) {
    this.socket = net.connect({ host: "127.0.0.1", port, ...options });
    this.socket.setNoDelay(true);
    this.socket.on("data", (chunk: Buffer) => (this.received += chunk.toString("latin1")));
    this.socket.on("error", () => {});
    this.socket.on("close", () => (this.isClosed = true));
  }

  static async connect(port: number, options: { readonly allowHalfOpen?: boolean } = {}): Promise<RawClient> {
    const client = new RawClient(port, options);
    await new Promise<void>((resolve, reject) => client.socket.once("connect", resolve).once("error", reject));
    return client;
  }

  write(text: string): void {
    this.socket.write(text, "latin1");
  }

  /** Reads nothing before all of it is sent, as simple clients do. Rejects where that can't be. */
  async writeFirst(text: string): Promise<void> {
    this.socket.pause();
    await new Promise<void>((resolve, reject) => {
      this.socket.write(text, "latin1", (error) => (error ? reject(error) : resolve()));
    });
    this.socket.resume();
  }

  /** Waits until what was received matches. */
  async sees(pattern: RegExp | string, withinMs = 5_000): Promise<string> {
    const matches = (): boolean =>
      typeof pattern === "string" ? this.received.includes(pattern) : pattern.test(this.received);
    const deadline = performance.now() + withinMs;
    while (!matches()) {
      if (performance.now() > deadline || (this.isClosed && !matches())) {
        throw new Error(
          `Never came: ${String(pattern)}; got ${JSON.stringify(this.received)}, closed: ${this.isClosed}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return this.received;
  }

  async closed(withinMs = 5_000): Promise<string> {
    const deadline = performance.now() + withinMs;
    while (!this.isClosed) {
      if (performance.now() > deadline) throw new Error(`Still open; got ${JSON.stringify(this.received)}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return this.received;
  }

  /** Waits until the server has closed the connection altogether, though its client does not: only who sends can tell. */
  async isLetGo(withinMs = 5_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (!this.isClosed) {
      if (performance.now() > deadline) throw new Error("The server still has the connection.");
      this.socket.write("x");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Closes with a reset, as a vanished client does. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** Sends bytes and returns everything that came until the connection closed. */
export async function sendRaw(port: number, text: string): Promise<string> {
  const client = await RawClient.connect(port);
  client.write(text);
  return client.closed();
}
