/** JetStream of a NATS server. A trigger is a durable consumer there, so the server knows what was handled, whoever asks. */
import type { JetStreamManager } from "@nats-io/jetstream";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import type { QueueTrigger } from "../../model/trigger.js";
import { NatsLink, type NatsOptions } from "./nats-connection.js";
import { NatsConsumer } from "./nats-consumer.js";
import { consumerName } from "./nats-message.js";
import { findConsumer, findStream, managerOf, type StreamLimits } from "./nats-topics.js";
import type { Consumer, QueueBroker, Subscription } from "./queue-broker.js";

export interface NatsBrokerOptions extends NatsOptions {
  readonly limits: StreamLimits;
  /** A process that is gone is missed after so long. */
  readonly ackWaitMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const defaultAckWaitMs = 30_000;
const answerWithinMs = 2_000;
const countedAtATime = 16;

type Counted = Pick<QueueTrigger, "id" | "topic">;

export class NatsBroker implements QueueBroker {
  readonly #link: NatsLink;
  readonly #consumers = new Set<NatsConsumer>();

  constructor(private readonly options: NatsBrokerOptions) {
    this.#link = new NatsLink(options);
  }

  subscribe(subscription: Subscription): Consumer {
    const { limits, clock, logger, ackWaitMs = defaultAckWaitMs } = this.options;
    const onIdle = (): void => void this.#consumers.delete(consumer);
    const consumer = new NatsConsumer({ link: this.#link, subscription, limits, ackWaitMs, clock, logger, onIdle });
    this.#consumers.add(consumer);
    return consumer;
  }

  async backlog(triggers: readonly Counted[]): Promise<ReadonlyMap<string, number>> {
    const jsm = await managerOf(await this.#link.readyWithin(answerWithinMs));
    const counts = new Map<string, number>();
    const uncounted = triggers.values();
    const countSome = async (): Promise<void> => {
      for (const trigger of uncounted) counts.set(trigger.id, await countFor(jsm, trigger));
    };
    // Each stops at its first failure, so a server that hangs is asked no more.
    await Promise.all(Array.from({ length: countedAtATime }, countSome));
    return counts;
  }

  /** The durable consumer goes; a stream, with what is in it, stays. */
  async forget(trigger: QueueTrigger): Promise<void> {
    try {
      const jsm = await managerOf(await this.#link.readyWithin(answerWithinMs));
      const stream = await findStream(jsm, trigger.topic);
      if (stream === undefined || (await findConsumer(jsm, stream, consumerName(trigger))) === undefined) return;
      await jsm.consumers.delete(stream, consumerName(trigger));
    } catch (error) {
      const fields = { err: error, consumer: consumerName(trigger) };
      this.options.logger.warn(fields, "the consumer of a trigger that is gone could not be removed from NATS");
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    await this.#link.stop();
  }
}

async function countFor(jsm: JetStreamManager, trigger: Counted): Promise<number> {
  const stream = await findStream(jsm, trigger.topic);
  const info = stream === undefined ? undefined : await findConsumer(jsm, stream, consumerName(trigger));
  return (info?.num_pending ?? 0) + (info?.num_ack_pending ?? 0);
}
