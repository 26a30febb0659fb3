import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../../lib/clock.js";

const answerNotSpecialized: RequestListener = (_request, response) => {
  response.writeHead(500, { "content-type": "application/json" }).end('{"error":"not specialized"}');
};

/** The HTTP side of one instance in memory: a server on loopback whose answers change at specialization. */
export class MemoryInstance {
  #listener: RequestListener = answerNotSpecialized;
  readonly #server: Server = createServer((request, response) => {
    response.once("close", () => void setImmediate(this.#hangUpIdle));
    this.#listener(request, response);
  });

  constructor(private readonly clock: Clock) {}

  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen(0, "127.0.0.1", resolve);
    });
    this.#server.keepAliveTimeout = 0;
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  serve(listener: RequestListener): void {
    this.#listener = listener;
  }

  /** Takes no new connection, lets requests finish for `graceMs`, then closes whatever is open. */
  async close(graceMs: number): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const deadline = this.clock.after(graceMs, () => this.#server.closeAllConnections());
    await closed;
    deadline.stop();
  }

  /** Breaks every connection, as a process that dies does. */
  crash(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** A connection that falls idle while the instance is ending would keep it from its end. */
  readonly #hangUpIdle = (): void => {
    if (!this.#server.listening) this.#server.closeIdleConnections();
  };
}
