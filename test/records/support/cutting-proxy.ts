import net from "node:net";

/** A TCP proxy that can be made to cut connections, refuse new ones, or keep what the server answers to itself. */
export class CuttingProxy {
  readonly #server = net.createServer((client) => this.#connect(client));
  readonly #sockets = new Set<net.Socket>();
  #isOpen = true;
  /** Called with each chunk that the client sends; true: pass it on, but cut the connection instead of answering it. */
  cutAnswerTo: ((chunk: Buffer) => boolean) | undefined;

  constructor(private readonly target: URL) {}

  /** The target's address, through this proxy. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const url = new URL(this.target);
    url.hostname = "127.0.0.1";
    url.port = String((this.#server.address() as net.AddressInfo).port);
    return url.href;
  }

  /** The server is away from now on. */
  close(): void {
    this.#isOpen = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** And back. */
  open(): void {
    this.#isOpen = true;
  }

  async stop(): Promise<void> {
    this.close();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #connect(client: net.Socket): void {
    this.#keep(client);
    if (!this.#isOpen) return void client.destroy();
    const server = this.#keep(net.connect(Number(this.target.port || 5432), this.target.hostname));
    let isMute = false;
    client.on("data", (chunk) => {
      if (this.cutAnswerTo?.(chunk) === true) isMute = true;
      server.write(chunk);
    });
    server.on("data", (chunk) => {
      if (isMute) client.destroy();
      else client.write(chunk);
    });
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
  }

  #keep(socket: net.Socket): net.Socket {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => this.#sockets.delete(socket));
    return socket;
  }
}
