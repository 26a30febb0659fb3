import { ByteBudget, type ByteShare } from "../../lib/byte-budget.js";
import type { Clock } from "../../lib/clock.js";
import { SingleFlight } from "../../lib/single-flight.js";
import type { Claim, Claimed, TopicDeliveries } from "./topic-deliveries.js";

/** Who handles what is leased. */
interface Holder {
  readonly held: readonly Claimed[];
  /** Those of these epochs are somebody else's now. */
  lose(epochs: ReadonlySet<string>): void;
}

export interface LaneLeasesOptions {
  readonly deliveries: Pick<TopicDeliveries, "claim" | "renew">;
  readonly consumers: Iterable<Holder>;
  readonly leaseMs: number;
  /** Of messages that are being handled, of all triggers together. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly onTrouble: (error: unknown) => void;
}

/** A message, and the room that it takes up until it is dealt with. */
export interface LeasedMessage {
  readonly claimed: Claimed;
  readonly room: ByteShare;
}

/** Of a message beside its body. */
const overheadBytes = 4 * 1024;

/**
 * The leases of what a process handles, renewed in one statement for all. While the store is away they run out, although
 * the work goes on; so when it is back they are renewed before anything is claimed, and what others let run out is left to
 * them for as long as a lease lasts: they may be as late as this process.
 */
export class LaneLeases {
  readonly #budget: ByteBudget;
  readonly #renewals = new SingleFlight<void>();
  #timer: { stop(): void } | undefined;
  #renewedAtMs: number;
  #hasFailed = false;
  #sparesUntilMs = -Infinity;

  constructor(private readonly options: LaneLeasesOptions) {
    this.#budget = new ByteBudget(options.maxBytes);
    this.#renewedAtMs = this.#nowMs;
  }

  start(): void {
    this.#renewedAtMs = this.#nowMs;
    this.#timer = this.#next();
  }

  stop(): void {
    this.#timer?.stop();
  }

  /** A statement has failed: from now on nobody knows what is held. */
  failed(): void {
    this.#hasFailed = true;
  }

  /** Resolves when it is known what is held. Rejects while the store is away. */
  async secure(): Promise<void> {
    if (this.#hasFailed || this.#isLate) await this.#renewals.do("all", () => this.#renew());
  }

  /** Nothing where there is no room; then the next look finds it again. */
  async claim(claim: Pick<Claim, "triggerId" | "limit" | "concurrency">): Promise<readonly LeasedMessage[]> {
    await this.secure();
    if (this.#budget.left <= 0) return [];
    const { deliveries, leaseMs } = this.options;
    // Others may claim at the same moment.
    const maxBytes = Math.ceil(this.#budget.left / 4);
    const reserved = this.#budget.share();
    reserved.hold(maxBytes);
    try {
      const takesOver = this.#nowMs >= this.#sparesUntilMs;
      return (await deliveries.claim({ ...claim, leaseMs, takesOver, maxBytes })).map((one) => this.#keep(one));
    } finally {
      reserved.release();
    }
  }

  #keep(claimed: Claimed): LeasedMessage {
    const room = this.#budget.share();
    room.hold(claimed.message.body.length + overheadBytes);
    return { claimed, room };
  }

  get #nowMs(): number {
    return this.options.clock.monotonicMs();
  }

  /** Renewals come far more often than this: others' leases, too, may have run out by now. */
  get #isLate(): boolean {
    return this.#nowMs - this.#renewedAtMs > this.options.leaseMs / 2;
  }

  #next(): { stop(): void } {
    const { clock, leaseMs, onTrouble } = this.options;
    return clock.after(leaseMs / 3, () => {
      this.#timer = this.#next();
      this.#renewals.do("all", () => this.#renew()).catch(onTrouble);
    });
  }

  async #renew(): Promise<void> {
    const { deliveries, leaseMs } = this.options;
    const beganMs = this.#nowMs;
    const consumers = [...this.options.consumers];
    const held = consumers.flatMap((consumer) => consumer.held);
    const lost = await deliveries.renew(held, leaseMs);
    for (const consumer of consumers) consumer.lose(lost);
    if (this.#isLate) this.#sparesUntilMs = this.#nowMs + leaseMs;
    this.#renewedAtMs = beganMs;
    this.#hasFailed = false;
  }
}
