import type { Clock } from "../../lib/clock.js";
import { SingleFlight } from "../../lib/single-flight.js";
import type { PostgresConsumer } from "./postgres-consumer.js";
import type { Claim, Claimed, TopicDeliveries } from "./topic-deliveries.js";

export interface LaneLeasesOptions {
  readonly deliveries: Pick<TopicDeliveries, "claim" | "renew">;
  readonly consumers: Iterable<PostgresConsumer>;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly onTrouble: (error: unknown) => void;
}

/**
 * The leases of what a process handles, renewed in one statement for all. While the store is away they run out, although
 * the work goes on; so when it is back they are renewed before anything is claimed, and what others let run out is left to
 * them for as long as a lease lasts: they may be as late as this process.
 */
export class LaneLeases {
  readonly #renewals = new SingleFlight<void>();
  #timer: { stop(): void } | undefined;
  #renewedAtMs: number;
  #hasFailed = false;
  #sparesUntilMs = -Infinity;

  constructor(private readonly options: LaneLeasesOptions) {
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

  async claim(claim: Omit<Claim, "leaseMs" | "takesOver">): Promise<readonly Claimed[]> {
    await this.secure();
    const { deliveries, leaseMs } = this.options;
    return deliveries.claim({ ...claim, leaseMs, takesOver: this.#nowMs >= this.#sparesUntilMs });
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
