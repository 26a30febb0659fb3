import type { WebSocket } from "ws";
import type { Clock } from "../lib/clock.js";
import type { LeaderDial } from "../poolmgr/leader-dial.js";
import { LiveSocket } from "../poolmgr/live-socket.js";
import type { PoolmgrLink, PoolmgrStream, StreamListener, ToPoolmgr } from "../poolmgr/router-link.js";
import { readFromPoolmgr, routerPath, type FromPoolmgr, type FromRouter } from "../poolmgr/wire.js";

/** The way to a pool manager in another process. */
export class RemotePoolmgrLink implements PoolmgrLink {
  constructor(
    private readonly dial: Pick<LeaderDial, "dial">,
    private readonly clock: Clock,
  ) {}

  open(listener: StreamListener): PoolmgrStream {
    const stream = new RemoteStream(listener, this.clock);
    this.dial
      .dial(routerPath, stream.signal, (socket) => stream.begin(socket))
      .catch((error: unknown) => stream.lost(error));
    return stream;
  }
}

class RemoteStream implements PoolmgrStream {
  readonly #closed = new AbortController();
  #socket: LiveSocket | undefined;
  /** The number of the last message that was received. */
  #seen = 0;
  #isOver = false;

  constructor(
    private readonly listener: StreamListener,
    private readonly clock: Clock,
  ) {}

  /** Aborts when the stream is closed here. */
  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  begin(webSocket: WebSocket): void {
    this.#socket = new LiveSocket(webSocket, this.clock, {
      onText: (text) => this.#hear(text),
      onClose: () => this.lost(undefined),
    });
    this.send(this.listener.hello());
  }

  lost(cause: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.listener.onLost(cause);
  }

  send(message: ToPoolmgr): void {
    this.#socket?.send({ seen: this.#seen, message } satisfies FromRouter);
  }

  close(): void {
    this.#isOver = true;
    this.#closed.abort();
    this.#socket?.close();
  }

  #hear(text: string): void {
    if (this.#isOver) return;
    let told: FromPoolmgr | undefined;
    try {
      told = readFromPoolmgr(text);
    } catch (error) {
      this.#socket?.reject("The message can't be read.");
      return this.lost(error);
    }
    if (told === undefined) return;
    this.#seen = told.number;
    this.listener.onMessage(told.message);
  }
}
