/**
 * Topics of Fermi's own store. One loop for all triggers of the process asks for which of them something is due, when it
 * is woken and twice a second; each trigger then claims as much as it may handle. What is being handled is leased
 * (`LaneLeases`); what can't be settled while the store is away is settled when it is back, if the lease is still held then.
 */
import { Backoff } from "../../lib/backoff.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import { Seldom } from "../../lib/seldom.js";
import type { QueueTrigger } from "../../model/trigger.js";
import { LaneLeases } from "./lane-leases.js";
import { PostgresConsumer } from "./postgres-consumer.js";
import type { Consumer, QueueBroker, Subscription } from "./queue-broker.js";
import type { TopicDeliveries } from "./topic-deliveries.js";

export interface PostgresBrokerOptions {
  readonly deliveries: TopicDeliveries;
  /** Resolves when something was published, half a second later at the latest, or when the signal aborts. */
  readonly wait: (signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseMs?: number;
  readonly maxBytes?: number;
}

/** A process that is gone is missed after so long. */
const defaultLeaseMs = 30_000;
/** A message is in memory several times over while it is read, sent and answered. */
const defaultMaxBytes = 32 * 1024 * 1024;

export class PostgresBroker implements QueueBroker {
  readonly #consumers = new Set<PostgresConsumer>();
  readonly #stopping = new AbortController();
  readonly #leases: LaneLeases;
  readonly #trouble: Seldom;
  readonly #backoff = new Backoff(100, 5_000);
  #loop: Promise<void> | undefined;
  #wake = (): void => {};

  constructor(private readonly options: PostgresBrokerOptions) {
    this.#leases = new LaneLeases({
      ...{ deliveries: options.deliveries, clock: options.clock, leaseMs: options.leaseMs ?? defaultLeaseMs },
      maxBytes: options.maxBytes ?? defaultMaxBytes,
      consumers: this.#consumers,
      onTrouble: (error) => this.#failed(error),
    });
    this.#trouble = new Seldom(options.clock);
  }

  subscribe(subscription: Subscription): Consumer {
    const consumer = new PostgresConsumer({
      ...this.options,
      leases: this.#leases,
      subscription,
      onIdle: () => this.#consumers.delete(consumer),
      onTrouble: (error) => this.#failed(error),
    });
    this.#consumers.add(consumer);
    this.#loop ??= this.#begin();
    this.#wake();
    return consumer;
  }

  backlog(triggers: readonly QueueTrigger[]): Promise<ReadonlyMap<string, number>> {
    return this.options.deliveries.backlog(triggers.map(({ id }) => id));
  }

  /** The store removes by itself what belongs to triggers that are gone. */
  forget(): Promise<void> {
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    // At once: while the last look goes on they would take what comes next.
    const consumers = [...this.#consumers].map((consumer) => consumer.stop());
    await Promise.all([this.#loop, ...consumers]);
    this.#leases.stop();
  }

  #begin(): Promise<void> {
    this.#leases.start();
    return this.#run();
  }

  async #run(): Promise<void> {
    // Asked anew each time, because it changes while something is awaited.
    const isOver = (): boolean => this.#stopping.signal.aborted;
    while (!isOver()) {
      const nextMs = await this.#look();
      if (!isOver()) await this.#pause(nextMs);
    }
  }

  /** Has those claim for whom something is due; in how many milliseconds there is more, as far as is known. */
  async #look(): Promise<number> {
    const living = [...this.#consumers].filter((consumer) => consumer.isTaking);
    if (living.length === 0) return Infinity;
    try {
      await this.#leases.secure();
      const due = await this.options.deliveries.due(living.map(({ triggerId }) => triggerId));
      this.#backoff.succeed();
      let nextMs = Infinity;
      for (const consumer of living) {
        const ms = due.get(consumer.triggerId);
        if (ms === 0) consumer.claim();
        else nextMs = Math.min(nextMs, ms ?? Infinity);
      }
      return nextMs;
    } catch (error) {
      this.#failed(error);
      return this.#backoff.fail(this.options.clock.monotonicMs());
    }
  }

  /** Until something may be due: at the given time, or when the store or a new subscription says so. */
  async #pause(ms: number): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    const timer = ms === Infinity ? undefined : this.options.clock.after(ms, () => woken.abort());
    await this.#waitForStore(AbortSignal.any([this.#stopping.signal, woken.signal]));
    timer?.stop();
    this.#wake = () => {};
  }

  async #waitForStore(ended: AbortSignal): Promise<void> {
    if (ended.aborted) return;
    // The wait's own signal is one for all: by it the store knows what was told already.
    const end = new Promise<void>((resolve) => ended.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([this.options.wait(this.#stopping.signal), end]);
  }

  #failed(error: unknown): void {
    this.#leases.failed();
    if (this.#trouble.isDue()) this.options.logger.warn({ err: error }, "messages of topics can't be handled now");
  }
}
