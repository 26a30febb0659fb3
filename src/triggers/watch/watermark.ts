/**
 * How far a stream of events has been dealt with. Events are taken in order and settled in any; the position is the
 * version of the last one before the first that is not settled, so whoever goes on from there misses none.
 *
 * One event that can't be settled for long holds the position up while others go on. What has to be known of them is
 * bounded: beyond that the position is given up, and whoever begins anew has to look at everything.
 */
export interface Ticket {
  version: string | null;
  /** Uids of objects that the event says have gone. */
  gone: string[];
  isSettled: boolean;
}

export interface Move {
  /** Null where it was given up. */
  readonly position: string | null;
  /** Of these objects no older event can come again. */
  readonly gone: readonly string[];
}

const defaultMaxHeldUp = 10_000;
/** Settled ones between open ones are put together when so many are there to save. */
const spare = 64;

export class Watermark {
  #tickets: Ticket[] = [];
  #open = 0;
  #heldUp = 0;

  constructor(
    private readonly onMove: (move: Move) => void,
    private readonly maxHeldUp = defaultMaxHeldUp,
  ) {}

  /** The next event. `version` is null for one of a list, which is no position: that comes with the list's own version. */
  take(version: string | null, gone: readonly string[] = []): Ticket {
    const ticket: Ticket = { version, gone: [...gone], isSettled: false };
    this.#tickets.push(ticket);
    this.#open++;
    return ticket;
  }

  settle(ticket: Ticket): void {
    ticket.isSettled = true;
    this.#open--;
    this.#heldUp += ticket.gone.length;
    if (this.#tickets[0]?.isSettled === true) return this.#move();
    if (this.#tickets.length > 2 * this.#open + spare) this.#tickets = compact(this.#tickets);
    if (this.#heldUp > this.maxHeldUp) this.#giveUp();
  }

  /** There is nothing to tell up to this version. */
  pass(version: string, gone: readonly string[] = []): void {
    this.settle(this.take(version, gone));
  }

  #move(): void {
    const firstOpen = this.#tickets.findIndex(({ isSettled }) => !isSettled);
    const settled = this.#tickets.splice(0, firstOpen === -1 ? this.#tickets.length : firstOpen);
    const gone = settled.flatMap((ticket) => ticket.gone);
    const position = settled.findLast(({ version }) => version !== null)?.version;
    if (position != null) {
      this.#heldUp -= gone.length;
      this.onMove({ position, gone });
    } else if (gone.length > 0) {
      // A list is no position until its end: what has gone is forgotten with the list's own version.
      this.#tickets.unshift({ version: null, gone, isSettled: true });
    }
  }

  #giveUp(): void {
    const gone = this.#tickets.flatMap((ticket) => (ticket.isSettled ? ticket.gone.splice(0) : []));
    this.#heldUp = 0;
    this.onMove({ position: null, gone });
  }
}

/** Settled ones that follow each other as one. */
function compact(tickets: readonly Ticket[]): Ticket[] {
  const kept: Ticket[] = [];
  for (const ticket of tickets) {
    const last = kept.at(-1);
    if (last === undefined || !last.isSettled || !ticket.isSettled) kept.push(ticket);
    else
      kept.splice(-1, 1, { ...ticket, version: ticket.version ?? last.version, gone: [...last.gone, ...ticket.gone] });
  }
  return kept;
}
