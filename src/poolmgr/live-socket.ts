import type { WebSocket } from "ws";
import type { Clock } from "../lib/clock.js";

export interface SocketListener {
  onText(text: string): void;
  /** Once, after which nothing comes. `isForGood`: the other side has closed it because it needs it no more. */
  onClose(isForGood: boolean): void;
}

/** For both ends of a connection between roles. */
export const socketOptions = { maxPayload: 16 * 1024 * 1024, perMessageDeflate: false } as const;

const bufferedBytesMax = 8 * 1024 * 1024;
const beatMs = 1_000;
/** So a connection is taken for dead within five seconds. Counted, not timed: a process that was stopped hears first. */
const silentBeatsMax = 4;

/** Close codes of RFC 6455. */
const codes = { forGood: 1000, serviceRestart: 1012, notUnderstood: 1008 } as const;

/**
 * A WebSocket between two roles. Both ends notice within five seconds when the other one is gone without a word, and an
 * end that does not take what it is sent is cut off rather than waited for.
 */
export class LiveSocket {
  #silentBeats = 0;
  #beat: { stop(): void } | undefined;

  /** Of an open socket; nothing may be awaited between its opening and this, or what is received first is lost. */
  constructor(
    private readonly socket: WebSocket,
    private readonly clock: Clock,
    listener: SocketListener,
  ) {
    const heard = (): void => void (this.#silentBeats = 0);
    socket.on("ping", heard);
    socket.on("pong", heard);
    socket.on("error", () => socket.terminate());
    socket.on("message", (data, isBinary) => {
      heard();
      if (isBinary) this.reject("Text was expected.");
      else listener.onText((data as Buffer).toString("utf8"));
    });
    socket.once("close", (code) => {
      this.#beat?.stop();
      listener.onClose(code === codes.forGood);
    });
    this.#listen();
  }

  send(message: object): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.socket.send(JSON.stringify(message));
    if (this.socket.bufferedAmount > bufferedBytesMax) this.socket.terminate();
  }

  /** It is needed no more. */
  close(): void {
    this.socket.close(codes.forGood);
  }

  /** The other side is to look for somebody else to talk to. */
  breakOff(): void {
    this.socket.close(codes.serviceRestart);
  }

  /** What was said makes no sense. */
  reject(reason: string): void {
    this.socket.close(codes.notUnderstood, reason);
  }

  /** Cut, without waiting for anybody. */
  terminate(): void {
    this.socket.terminate();
  }

  #listen(): void {
    this.#beat = this.clock.after(beatMs, () => {
      if (++this.#silentBeats > silentBeatsMax) return this.socket.terminate();
      this.socket.ping();
      this.#listen();
    });
  }
}
