/** A pool manager's process as routers see it: its endpoint on an address of this machine, leading or standing by. */
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { InternalAuth, internalAuthHeader } from "../../../src/auth/internal-auth.js";
import { systemClock } from "../../../src/lib/clock.js";
import { silentLogger } from "../../../src/lib/logger.js";
import { LeaderDial } from "../../../src/poolmgr/leader-dial.js";
import { PoolmgrEndpoint, type Leader } from "../../../src/poolmgr/poolmgr-endpoint.js";
import { RemotePoolmgrLink } from "../../../src/router/remote-poolmgr-link.js";

const secret = "what all of this installation share";

export class PoolmgrProcess {
  leader: Leader | undefined;
  readonly endpoint: PoolmgrEndpoint;
  readonly warnings: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(readonly address: string) {
    const auth = new InternalAuth(secret, systemClock);
    this.endpoint = new PoolmgrEndpoint({
      verify: (header, request) => auth.verify(header, request),
      header: internalAuthHeader,
      leader: () => this.leader,
      describe: () => "another one does.",
      clock: systemClock,
      logger: { ...silentLogger, warn: (_fields, message) => void this.warnings.push(message) },
    });
    this.#server = createServer((_req, res) => res.writeHead(404).end());
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.endpoint.attach(this.#server);
  }

  /** On one of this machine's loopback addresses, so that several have the same port. */
  static async start(address = "127.0.0.1", port = 0): Promise<PoolmgrProcess> {
    const made = new PoolmgrProcess(address);
    await new Promise<void>((resolve) => made.#server.listen(port, address, resolve));
    return made;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The process is gone: its connections break without a word, and nobody listens. */
  async kill(): Promise<void> {
    this.leader = undefined;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async stop(): Promise<void> {
    this.endpoint.stop();
    await this.kill();
  }
}

/** The way to whichever of the processes leads. */
export function dialTo(port: number, addresses: readonly string[] = ["127.0.0.1"], by = secret): LeaderDial {
  const auth = new InternalAuth(by, systemClock);
  return new LeaderDial({
    urls: [`http://poolmgr.test:${port}`],
    sign: (request) => auth.sign(request),
    clock: systemClock,
    resolve: () => Promise.resolve(addresses),
  });
}

export const linkTo = (...to: Parameters<typeof dialTo>): RemotePoolmgrLink =>
  new RemotePoolmgrLink(dialTo(...to), systemClock);
