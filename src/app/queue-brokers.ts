/** What keeps messages for queue triggers: the store, and NATS where there is one. */
import type { Config } from "../config/settings.js";
import { TopicDeliveryRepository } from "../store/repositories/topic-delivery.repository.js";
import { NatsBroker } from "../triggers/queue/nats-broker.js";
import { PostgresBroker } from "../triggers/queue/postgres-broker.js";
import type { Foundation } from "./foundation.js";

const mebibyte = 1024 * 1024;
const dayMs = 86_400_000;

export const topicRetentionMs = ({ topicRetentionDays }: Pick<Config, "topicRetentionDays">): number =>
  topicRetentionDays * dayMs;

export const topicMaxBytes = ({ topicMaxMib }: Pick<Config, "topicMaxMib">): number => topicMaxMib * mebibyte;

export function postgresBroker({ store, clock, logger }: Foundation): PostgresBroker {
  const deliveries = new TopicDeliveryRepository(store.dataSource);
  return new PostgresBroker({
    deliveries,
    wait: (signal) => store.wakeups.wait("fermi_topic", signal),
    clock,
    logger,
  });
}

/** Undefined where no server is told. It connects when it is first asked for something. */
export function natsBroker({ config, clock, logger }: Foundation): NatsBroker | undefined {
  const { natsUrl: url, natsCredsFile: credentialsFile } = config;
  if (url === null) return undefined;
  const limits = { maxAgeMs: topicRetentionMs(config), maxBytes: topicMaxBytes(config) };
  return new NatsBroker({ url, credentialsFile, limits, clock, logger });
}
