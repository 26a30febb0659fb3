import { AppError } from "../errors/app-error.js";
import type { Share } from "./plan-grants.js";
import type { Holding } from "./router-link.js";

interface Entry extends Share {
  told: number;
  held: number;
  inFlight: number;
  isWithdrawn: boolean;
  /** The number of the message that last told it fewer: what the router said before it saw that one proves nothing. */
  loweredAt: number;
  /** The number of the message that asked what it has in flight, until it has said so. */
  askedAt: number | undefined;
  /** When it last said so. */
  heardMs: number;
}

/** What a router has in flight is as it last said, if it said so within this; it says so now and then. */
const freshMs = 10;

const unknown: Entry = {
  ...{ told: 0, held: 0, inFlight: 0, isWithdrawn: false, loweredAt: 0 },
  ...{ askedAt: undefined, heardMs: -Infinity },
};

/**
 * Who holds which of one instance's slots. What all routers together may be using never exceeds `total`, unless that was
 * lowered below what is in use, or a router was given up for lost and comes back; then nothing is granted until it fits.
 */
export class SlotLedger {
  readonly #entries = new Map<string, Entry>();

  constructor(public total: number) {}

  get shares(): ReadonlyMap<string, Share> {
    return this.#entries;
  }

  /** Routers that may still send requests or have some in flight. */
  get holders(): string[] {
    return [...this.#entries.keys()];
  }

  /** Slots that no router may be using; negative when `total` was lowered. */
  get free(): number {
    return this.total - this.#sum((entry) => entry.held);
  }

  /** Every slot is some router's, for good: there is nothing to hand out, and nothing on its way back. */
  get isDealtOut(): boolean {
    return this.free === 0 && this.#sum((entry) => entry.told) === this.total;
  }

  get inFlight(): number {
    return this.#sum((entry) => entry.inFlight);
  }

  /**
   * The router says on a new stream what it has, which counts whatever was known before; the answer, in the message with
   * this number, says what of it stands. Returns that: less than `slots` where others have been given them.
   */
  claim(routerId: string, { slots, inFlight }: Pick<Holding, "slots" | "inFlight">, messageNumber: number): number {
    this.#entries.delete(routerId);
    const told = Math.max(0, Math.min(slots, this.free));
    const held = Math.max(slots, inFlight);
    this.#entries.set(routerId, { ...unknown, told, held, inFlight, loweredAt: messageNumber });
    return told;
  }

  /** The router is told, in the message with this number, that it has `slots` from now on. */
  tell(routerId: string, slots: number, messageNumber: number): void {
    const entry = this.#entries.get(routerId) ?? { ...unknown };
    if (entry.isWithdrawn) throw new AppError("INTERNAL", "A slot of a draining instance was granted.");
    if (slots > entry.held && slots - entry.held > this.free)
      throw new AppError("INTERNAL", "A slot was granted twice.");
    if (slots < entry.told) entry.loweredAt = messageNumber;
    entry.told = slots;
    entry.held = Math.max(entry.held, slots);
    this.#entries.set(routerId, entry);
  }

  /** The router is told that the instance drains. */
  withdraw(routerId: string): void {
    const entry = this.#entries.get(routerId);
    if (entry === undefined) return;
    entry.told = 0;
    entry.isWithdrawn = true;
  }

  /** Whether the router may have less in flight than it once said, and was not asked yet. */
  isStale(routerId: string, nowMs: number): boolean {
    const entry = this.#entries.get(routerId);
    if (entry === undefined || entry.isWithdrawn || entry.askedAt !== undefined) return false;
    return entry.inFlight > 0 && nowMs - entry.heardMs > freshMs;
  }

  /** The router is asked, in the message with this number, what it has in flight. */
  ask(routerId: string, messageNumber: number): void {
    const entry = this.#entries.get(routerId);
    if (entry !== undefined) entry.askedAt = messageNumber;
  }

  /** The router can't answer: what it once said holds. Whether it was asked. */
  askNoMore(routerId: string): boolean {
    const entry = this.#entries.get(routerId);
    if (entry?.askedAt === undefined) return false;
    entry.askedAt = undefined;
    return true;
  }

  /** The router says what it has in flight, having seen the messages up to number `seen`. */
  use(routerId: string, inFlight: number, seen: number, nowMs: number): void {
    const entry = this.#entries.get(routerId);
    if (entry === undefined) return;
    entry.inFlight = inFlight;
    entry.heardMs = nowMs;
    if (entry.askedAt !== undefined && seen >= entry.askedAt) entry.askedAt = undefined;
    // Told fewer, it begins nothing beyond that, so what it may use only falls from what it has in flight.
    if (seen >= entry.loweredAt && !entry.isWithdrawn)
      entry.held = Math.min(entry.held, Math.max(entry.told, inFlight));
  }

  /** The router has given all back, or is no more. */
  release(routerId: string): void {
    this.#entries.delete(routerId);
  }

  #sum(of: (entry: Entry) => number): number {
    let total = 0;
    for (const entry of this.#entries.values()) total += of(entry);
    return total;
  }
}
