/**
 * The pool manager's end of the streams to its routers, be they of this process or at the other end of a socket. Messages
 * of both directions go through the one queue that all of the pool manager's work goes through, so whoever handles one is
 * never interrupted by the next, and in one process a message is handled before `send` returns when nothing else goes on.
 */
import type { Clock } from "../lib/clock.js";
import { newId } from "../lib/new-id.js";
import type { SerialQueue } from "../lib/serial-queue.js";
import type {
  GrantedInstance,
  Hello,
  Holding,
  PoolmgrLink,
  PoolmgrStream,
  StreamListener,
  ToPoolmgr,
  ToRouter,
} from "./router-link.js";

/** What a router says of its slots. */
export type RouterWord = Exclude<ToPoolmgr, Hello>;

/** What the pool manager does with its routers' words. */
export interface RouterDesk {
  /** What the router may use from the start, of what it holds already and anew. It may have been here before. */
  joined(routerId: string, holdings: readonly Holding[]): readonly GrantedInstance[];
  /** `seen` is the number of the last message that the router had got when it said this. */
  received(routerId: string, message: RouterWord, seen: number): void;
  /** Its stream broke. It goes on using what it was granted, and is about to join again. */
  lost(routerId: string): void;
  /** For good. */
  left(routerId: string): void;
}

/** The hub's side of one stream; what is sent on it is numbered from 1. */
export interface StreamEnd {
  deliver(message: ToRouter, number: number): void;
  /** The hub has closed it. Called once at most. */
  onLost(): void;
}

/** The router's side of one stream. */
export interface Connection {
  /** `seen` is the number of the last message that had reached the router when it said this. */
  receive(message: ToPoolmgr, seen: number): void;
  /** The stream has ended: as the router wished, or not. */
  end(isForGood: boolean): void;
}

interface Session {
  readonly end: StreamEnd;
  /** Known from its HELLO on. */
  routerId: string | undefined;
  isClosed: boolean;
  sent: number;
}

/** How long a router gets to come back before what it holds is given to others. A dead one's slots wait as long. */
export const comeBackMs = 3_000;

export class PoolmgrHub implements PoolmgrLink {
  /** By router. */
  readonly #sessions = new Map<string, Session>();
  /** Routers whose stream broke a moment ago. */
  readonly #absent = new Map<string, { stop(): void }>();
  #isOpen = false;
  #onOpen: (() => void) | undefined;
  /** Resolves when routers may join for the first time. */
  readonly opened = new Promise<void>((resolve) => (this.#onOpen = resolve));

  constructor(
    private readonly desk: RouterDesk,
    private readonly queue: SerialQueue,
    private readonly clock: Clock,
  ) {}

  /** Routers may join. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Lets routers in. */
  begin(): void {
    this.#isOpen = true;
    this.#onOpen?.();
  }

  /** For a router of this process. HELLO and snapshot pass in a moment, not before this returns. */
  open(listener: StreamListener): PoolmgrStream {
    let seen = 0;
    const connection = this.connect({
      deliver: (message, number) => {
        seen = number;
        listener.onMessage(message);
      },
      onLost: () => listener.onLost(),
    });
    queueMicrotask(() => connection.receive(listener.hello(), 0));
    return {
      send: (message) => connection.receive(message, seen),
      close: () => connection.end(true),
    };
  }

  /** For whatever carries the messages. While the hub is not open, the first one is answered with the stream's loss. */
  connect(end: StreamEnd): Connection {
    const session: Session = { end, routerId: undefined, isClosed: false, sent: 0 };
    return {
      receive: (message, seen) => this.queue.post(() => this.#receive(session, message, seen)),
      end: (isForGood) => this.queue.post(() => this.#end(session, isForGood)),
    };
  }

  /** The number of the next message to the router: what it says having seen that one, it says knowing of it. */
  nextNumber(routerId: string): number {
    return (this.#sessions.get(routerId)?.sent ?? 0) + 1;
  }

  send(routerId: string, message: ToRouter): void {
    const session = this.#sessions.get(routerId);
    if (session === undefined) return;
    const number = ++session.sent;
    this.queue.post(() => {
      if (!session.isClosed) session.end.deliver(message, number);
    });
  }

  /** Tells every router that its stream is lost, and whoever comes afterwards. */
  close(): void {
    this.#isOpen = false;
    for (const timer of this.#absent.values()) timer.stop();
    this.#absent.clear();
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) this.#lose(session);
  }

  #receive(session: Session, message: ToPoolmgr, seen: number): void {
    if (session.isClosed) return;
    if (!this.#isOpen) return this.#lose(session);
    const { routerId } = session;
    if (message.type === "HELLO") this.#join(session, message);
    else if (routerId !== undefined) this.desk.received(routerId, message, Math.min(seen, session.sent));
  }

  #join(session: Session, { routerId, holdings }: Hello): void {
    if (session.routerId !== undefined) return;
    session.routerId = routerId;
    this.#absent.get(routerId)?.stop();
    this.#absent.delete(routerId);
    const former = this.#sessions.get(routerId);
    this.#sessions.set(routerId, session);
    if (former !== undefined) this.#lose(former);
    this.send(routerId, { type: "SNAPSHOT", epoch: newId(), instances: this.desk.joined(routerId, holdings) });
  }

  #end(session: Session, isForGood: boolean): void {
    const { routerId } = session;
    session.isClosed = true;
    if (routerId === undefined || this.#sessions.get(routerId) !== session) return;
    this.#sessions.delete(routerId);
    if (isForGood) return this.desk.left(routerId);
    this.desk.lost(routerId);
    const giveUp = (): void => {
      if (this.#absent.delete(routerId)) this.desk.left(routerId);
    };
    this.#absent.set(
      routerId,
      this.clock.after(comeBackMs, () => this.queue.post(giveUp)),
    );
  }

  #lose(session: Session): void {
    session.isClosed = true;
    session.end.onLost();
  }
}
