import type { Logger } from "../lib/logger.js";
import { Seldom } from "../lib/seldom.js";
import type { Clock } from "../lib/clock.js";
import type { QueueBroker as BrokerName, QueueTrigger } from "../model/trigger.js";
import type { QueueBroker } from "../triggers/queue/queue-broker.js";

type Counted = Pick<QueueTrigger, "id" | "topic" | "broker">;
type Counter = Pick<QueueBroker, "backlog">;

export interface QueueBacklogParts {
  readonly counters: Partial<Readonly<Record<BrokerName, Counter>>>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How many messages wait for each trigger, whichever broker has them. */
export class QueueBacklog {
  readonly #trouble: Seldom;

  constructor(private readonly parts: QueueBacklogParts) {
    this.#trouble = new Seldom(parts.clock);
  }

  /** By trigger; without those of a broker that can't tell now. Never rejects. */
  async backlog(triggers: readonly Counted[]): Promise<Map<string, number>> {
    const counts = await Promise.all(
      Object.entries(this.parts.counters).map(([name, counter]) =>
        this.#count(
          counter,
          triggers.filter(({ broker }) => broker === name),
        ),
      ),
    );
    return new Map(counts.flatMap((counted) => [...counted]));
  }

  async #count(counter: Counter, triggers: readonly Counted[]): Promise<ReadonlyMap<string, number>> {
    if (triggers.length === 0) return new Map();
    try {
      return await counter.backlog(triggers);
    } catch (error) {
      if (this.#trouble.isDue())
        this.parts.logger.warn({ err: error }, "the backlog of queue triggers can't be counted");
      return new Map();
    }
  }
}
