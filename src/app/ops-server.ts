import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A port for probes and Prometheus, of a role that is no HTTP server by itself. */
export class OpsServer {
  /** For those who serve something else on the same port. */
  readonly http: Server;

  /** By path. */
  constructor(pages: ReadonlyMap<string, RequestListener>) {
    this.http = createServer({ headersTimeout: 5_000, requestTimeout: 10_000 }, (req, res) => {
      const page = pages.get(req.url?.split("?")[0] ?? "");
      if (page === undefined) res.writeHead(404, { "Content-Type": "text/plain" }).end("There is nothing here.\n");
      else page(req, res);
    });
  }

  /** Resolves to the port when it listens; 0 picks a free one. */
  async start(host: string, port: number): Promise<number> {
    this.http.listen(port, host);
    await once(this.http, "listening");
    return (this.http.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.http.close(resolve));
    this.http.closeAllConnections();
    await closed;
  }
}
