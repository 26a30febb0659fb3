import type { Socket } from "node:net";
import type { buildConnector } from "undici";
import type { Clock } from "../lib/clock.js";

type Dial = buildConnector.connector;

/**
 * A connection that is dialled before there is anything to send. Whoever connects first gets it, if it is open by then and
 * has been silent; everybody else's connection is dialled as any other. One that nobody wants is closed after `idleMs`.
 */
export class DialledAhead {
  #socket: Socket | undefined;
  #isOver = false;
  readonly #expiry: { stop(): void };
  /** An instance that ends the connection, or speaks without being asked, is not to be trusted with it. */
  readonly #heard = (): void => this.drop();

  constructor(
    private readonly dial: Dial,
    to: buildConnector.Options,
    clock: Clock,
    idleMs: number,
  ) {
    this.#expiry = clock.after(idleMs, () => this.drop());
    dial(to, (_error, socket) => {
      if (this.#isOver) socket?.destroy();
      else this.#socket = socket?.on("readable", this.#heard);
    });
  }

  /** For undici, which expects no answer before this returns. */
  connect(options: buildConnector.Options, callback: buildConnector.Callback): void {
    const socket = this.#take();
    if (socket === undefined) this.dial(options, callback);
    else queueMicrotask(() => callback(null, socket));
  }

  drop(): void {
    this.#take()?.destroy();
  }

  #take(): Socket | undefined {
    const socket = this.#socket;
    this.#isOver = true;
    this.#socket = undefined;
    this.#expiry.stop();
    socket?.off("readable", this.#heard);
    return socket?.destroyed === true ? undefined : socket;
  }
}
