import net from "node:net";

/** Stands between a client and a database server, and can be away, come back, or hang. */
export class TcpProxy {
  readonly #sockets = new Set<net.Socket>();
  #server: net.Server | undefined;
  #port = 0;
  #isFrozen = false;

  private constructor(private readonly target: URL) {}

  static async before(url: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(new URL(url));
    await proxy.comeBack();
    return proxy;
  }

  get url(): string {
    const url = new URL(this.target);
    url.host = `127.0.0.1:${this.#port}`;
    return url.href;
  }

  /** Breaks every connection and refuses new ones. */
  async goAway(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server?.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  comeBack(): Promise<void> {
    this.#server = net.createServer({ pauseOnConnect: false }, (socket) => this.#join(socket));
    return new Promise((resolve) => {
      this.#server?.listen(this.#port, "127.0.0.1", () => {
        this.#port = (this.#server?.address() as net.AddressInfo).port;
        resolve();
      });
    });
  }

  /** Takes connections and bytes but answers nothing any more. */
  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
  }

  #join(client: net.Socket): void {
    const server = net.connect(Number(this.target.port === "" ? 5432 : this.target.port), this.target.hostname);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("data", (data) => {
        if (!this.#isFrozen) to.write(data);
      });
      from.on("error", () => undefined);
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
