import { TriggerStore } from "../store/trigger-store.js";
import { QueueSource } from "../triggers/queue/queue-source.js";
import { postgresBroker } from "./queue-brokers.js";
import type { BuildSource } from "./build-source.js";

/** In every process of the role: which of them handles which message is settled among the brokers. */
export const queueSource: BuildSource = ({ foundation, nats, statuses, invoker }) => {
  const { config, clock, logger, store } = foundation;
  return new QueueSource({
    triggers: new TriggerStore(store.dataSource, "QueueTrigger"),
    brokers: { POSTGRES: postgresBroker(foundation), ...(nats && { NATS: nats }) },
    ...{ statuses, invoker, clock, logger, random: Math.random },
    graceMs: config.stopTimeoutSeconds * 1_000,
  });
};
