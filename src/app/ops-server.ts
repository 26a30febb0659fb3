import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A port for probes and Prometheus, of a role that serves nothing else. */
export class OpsServer {
  readonly #server: Server;

  /** By path. */
  constructor(pages: ReadonlyMap<string, RequestListener>) {
    this.#server = createServer({ headersTimeout: 5_000, requestTimeout: 10_000 }, (req, res) => {
      const page = pages.get(req.url?.split("?")[0] ?? "");
      if (page === undefined) res.writeHead(404, { "Content-Type": "text/plain" }).end("There is nothing here.\n");
      else page(req, res);
    });
  }

  /** Resolves to the port when it listens; 0 picks a free one. */
  async start(host: string, port: number): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
