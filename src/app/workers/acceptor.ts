/**
 * The router's port where workers serve it: takes connections and hands each to the worker that has fewest, of equals to
 * the first. So connections that stay are spread evenly, and with little traffic one worker has it all, and the slots of
 * instances with it (docs/decisions/0017).
 */
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A worker, as who hands out connections sees it. */
export interface Taker {
  /** Undefined while it can take none; the higher the better. */
  readonly fitness: number | undefined;
  /** Calls `onSent` when the worker has the connection. */
  hand(socket: Socket, onSent: () => void): void;
}

interface Seat {
  readonly taker: Taker;
  /** All it ever got. */
  handed: number;
  /** Of those. */
  closed: number;
  /** On their way to it. */
  readonly sending: Set<Socket>;
}

/** Connections that wait for a fit worker, at most; and for how long. */
const waitingMax = 1_000;
const waitMs = 20_000;

export class Acceptor {
  readonly #server: Server;
  readonly #seats = new Map<Taker, Seat>();
  readonly #waiting = new Set<Socket>();

  /** `guard` bounds the connections on their way to workers, once it listens. */
  constructor(private readonly guard?: (server: Server) => void) {
    // Nothing is read here: whatever a client sends is there for the worker.
    this.#server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) => {
      // A client may reset its connection before anybody has it.
      socket.on("error", () => socket.destroy());
      this.#give(socket);
    });
  }

  /** Resolves to the port when it is open; 0 picks a free one. */
  async listen(host: string, port: number): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, "listening");
    this.guard?.(this.#server);
    return (this.#server.address() as AddressInfo).port;
  }

  add(taker: Taker): void {
    this.#seats.set(taker, { taker, handed: 0, closed: 0, sending: new Set() });
  }

  /** It is no more: what had not reached it goes to others. */
  remove(taker: Taker): void {
    const seat = this.#seats.get(taker);
    this.#seats.delete(taker);
    for (const socket of seat?.sending ?? []) this.#give(socket);
  }

  /** A worker may have become fit. */
  serveWaiting(): void {
    for (const socket of [...this.#waiting]) {
      const seat = leastLoaded(this.#seats.values());
      if (seat === undefined) return;
      this.#waiting.delete(socket);
      this.#hand(socket, seat);
    }
  }

  /** `connections` of those that it ever got are closed. */
  closed(taker: Taker, connections: number): void {
    const seat = this.#seats.get(taker);
    if (seat !== undefined) seat.closed = connections;
  }

  /** Takes no connection any more. */
  close(): void {
    this.#server.close();
    for (const socket of this.#waiting) socket.destroy();
  }

  #give(socket: Socket): void {
    const seat = leastLoaded(this.#seats.values());
    if (seat === undefined) this.#keepWaiting(socket);
    else this.#hand(socket, seat);
  }

  #hand(socket: Socket, seat: Seat): void {
    seat.handed++;
    seat.sending.add(socket);
    seat.taker.hand(socket, () => {
      seat.sending.delete(socket);
      // The worker's is another one.
      socket.destroy();
    });
  }

  #keepWaiting(socket: Socket): void {
    if (this.#waiting.size >= waitingMax) return void socket.destroy();
    this.#waiting.add(socket);
    socket.setTimeout(waitMs, () => socket.destroy());
    socket.once("close", () => this.#waiting.delete(socket));
  }
}

/** Of the fittest. */
function leastLoaded(seats: Iterable<Seat>): Seat | undefined {
  let best: { readonly seat: Seat; readonly fitness: number; readonly load: number } | undefined;
  for (const seat of seats) {
    const { fitness } = seat.taker;
    if (fitness === undefined) continue;
    const load = seat.handed - seat.closed;
    if (best === undefined || fitness > best.fitness || (fitness === best.fitness && load < best.load)) {
      best = { seat, fitness, load };
    }
  }
  return best?.seat;
}
