/** Streams and consumers of JetStream: found, or made where there are none. */
import {
  AckPolicy,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  type ConsumerInfo,
  type JetStreamManager,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { QueueTrigger } from "../../model/trigger.js";
import { consumerName, streamName } from "./nats-message.js";

/** What is asked of streams that are made; those that exist are somebody else's, and stay as they are. */
export interface StreamLimits {
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

const nanosPerMs = 1_000_000;

/** The name of the stream that has the subject. */
export async function ensureStream(jsm: JetStreamManager, topic: string, limits: StreamLimits): Promise<string> {
  const found = await findStream(jsm, topic);
  if (found !== undefined) return found;
  const name = streamName(topic);
  const config = {
    ...{ name, subjects: [topic], retention: RetentionPolicy.Limits },
    ...{ max_age: limits.maxAgeMs * nanosPerMs, max_bytes: limits.maxBytes },
  };
  try {
    await jsm.streams.add(config);
    return name;
  } catch (error) {
    // Another process, or somebody else, may have made one at this moment.
    const made = await findStream(jsm, topic);
    if (made === undefined) throw error;
    return made;
  }
}

export async function findStream(jsm: JetStreamManager, topic: string): Promise<string | undefined> {
  try {
    return await jsm.streams.find(topic);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Its consumer, which begins with what is published from now on, or with all that a work queue has; made, or brought up to date where the trigger has changed. */
export async function ensureConsumer(
  jsm: JetStreamManager,
  stream: string,
  trigger: QueueTrigger,
  ackWaitMs: number,
): Promise<void> {
  const name = consumerName(trigger);
  const changing = { max_ack_pending: trigger.concurrency };
  const known = await findConsumer(jsm, stream, name);
  if (known === undefined) {
    const { config } = await jsm.streams.info(stream);
    // Such streams take no other consumers: what is in them is work that nobody has done.
    const deliverPolicy = config.retention === RetentionPolicy.Workqueue ? DeliverPolicy.All : DeliverPolicy.New;
    await jsm.consumers.add(stream, {
      ...{ durable_name: name, filter_subject: trigger.topic, ack_policy: AckPolicy.Explicit },
      ...{ deliver_policy: deliverPolicy, ack_wait: ackWaitMs * nanosPerMs, max_deliver: -1 },
      ...changing,
    });
  } else if (known.config.max_ack_pending !== trigger.concurrency) {
    await jsm.consumers.update(stream, name, changing);
  }
}

export async function findConsumer(
  jsm: JetStreamManager,
  stream: string,
  name: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await jsm.consumers.info(stream, name);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const missing: readonly number[] = [JetStreamApiCodes.StreamNotFound, JetStreamApiCodes.ConsumerNotFound];

/** The stream, or the consumer, is not there. */
const isMissing = (error: unknown): boolean => error instanceof JetStreamApiError && missing.includes(error.code);

export const managerOf = (connection: NatsConnection): Promise<JetStreamManager> =>
  jetstreamManager(connection, { timeout: 3_000 });

/** What is wrong, in words. */
export function explainJetStream(error: unknown): string {
  if ((error as Error).name === "JetStreamNotEnabled") return "The NATS server has no JetStream: start it with -js.";
  const { message } = error as Error;
  return `NATS does not serve the topic: ${message}.`;
}
