/**
 * The pool manager's end of the streams to its routers, in one process: a direct call without a network between. Messages
 * of both directions go through the one queue that all of the pool manager's work goes through, so whoever handles one is
 * never interrupted by the next, and with nothing going on a message is handled before `send` returns.
 */
import { newId } from "../lib/new-id.js";
import type { SerialQueue } from "../lib/serial-queue.js";
import type { GrantedInstance, PoolmgrLink, PoolmgrStream, ToPoolmgr, ToRouter } from "./router-link.js";

/** What the pool manager does with its routers' words. */
export interface RouterDesk {
  /** What the new router may use from the start. */
  joined(routerId: string): readonly GrantedInstance[];
  /** `seen` is the number of the last message that the router had got when it said this. */
  received(routerId: string, message: ToPoolmgr, seen: number): void;
  left(routerId: string): void;
}

interface Session {
  state: "OPENING" | "OPEN" | "CLOSED";
  readonly deliver: (message: ToRouter) => void;
  readonly onLost: () => void;
  sent: number;
  delivered: number;
}

export class PoolmgrHub implements PoolmgrLink {
  readonly #sessions = new Map<string, Session>();
  #isClosed = false;

  constructor(
    private readonly desk: RouterDesk,
    private readonly queue: SerialQueue,
  ) {}

  /** The snapshot comes in a moment, not before this returns, so that the router has its stream when it answers. */
  open(onMessage: (message: ToRouter) => void, onLost: () => void): PoolmgrStream {
    const id = newId();
    const session: Session = { state: "OPENING", deliver: onMessage, onLost, sent: 0, delivered: 0 };
    queueMicrotask(() => this.queue.post(() => this.#join(id, session)));
    return {
      send: (message) => {
        const seen = session.delivered;
        this.queue.post(() => this.#receive(id, session, message, seen));
      },
      close: () => this.queue.post(() => this.#leave(id, session)),
    };
  }

  /** The number of the next message to the router: what it says having seen that one, it says knowing of it. */
  nextNumber(routerId: string): number {
    return (this.#sessions.get(routerId)?.sent ?? 0) + 1;
  }

  send(routerId: string, message: ToRouter): void {
    const session = this.#sessions.get(routerId);
    if (session === undefined) return;
    session.sent++;
    this.queue.post(() => {
      if (!this.#sessions.has(routerId)) return;
      session.delivered++;
      session.deliver(message);
    });
  }

  /** Tells every router that its stream is lost. Who opens one afterwards hears nothing. */
  close(): void {
    this.#isClosed = true;
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) {
      session.state = "CLOSED";
      session.onLost();
    }
  }

  #join(id: string, session: Session): void {
    if (this.#isClosed || session.state !== "OPENING") return;
    session.state = "OPEN";
    this.#sessions.set(id, session);
    this.send(id, { type: "SNAPSHOT", epoch: newId(), instances: this.desk.joined(id) });
  }

  #receive(id: string, session: Session, message: ToPoolmgr, seen: number): void {
    this.#join(id, session);
    if (session.state === "OPEN") this.desk.received(id, message, seen);
  }

  #leave(id: string, session: Session): void {
    session.state = "CLOSED";
    if (this.#sessions.delete(id)) this.desk.left(id);
  }
}
