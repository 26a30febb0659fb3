import type { Clock } from "../lib/clock.js";
import { silentLogger, type Logger } from "../lib/logger.js";
import { AsyncInvocations } from "../invocations/async-invocations.js";
import { InvocationQueries } from "../invocations/invocation-queries.js";
import { LogQueries } from "../logs/log-queries.js";
import { EnvironmentService, type EnvironmentServiceParts } from "../services/environment.service.js";
import { FunctionService } from "../services/function.service.js";
import { TopicService } from "../services/topic.service.js";
import { TriggerService, type TriggerSupport } from "../services/trigger.service.js";
import { AsyncInvocationRepository } from "../store/repositories/async-invocation.repository.js";
import { EnvironmentRepository } from "../store/repositories/environment.repository.js";
import { FunctionVersionRepository } from "../store/repositories/function-version.repository.js";
import { FunctionRepository } from "../store/repositories/function.repository.js";
import { InvocationStatsRepository } from "../store/repositories/invocation-stats.repository.js";
import { InvocationRepository } from "../store/repositories/invocation.repository.js";
import { LogLineRepository } from "../store/repositories/log-line.repository.js";
import { TopicDeliveryRepository } from "../store/repositories/topic-delivery.repository.js";
import { TopicRepository } from "../store/repositories/topic.repository.js";
import { TriggerRecordsRepository } from "../store/repositories/trigger-records.repository.js";
import { TriggerRepository } from "../store/repositories/trigger.repository.js";
import { ResourceStore } from "../store/resource-store.js";
import type { QueueBroker } from "../triggers/queue/queue-broker.js";
import type { OpenStore } from "./open-store.js";
import { QueueBacklog } from "./queue-backlog.js";

/** What is read and written through GraphQL. */
export interface ControlPlane {
  readonly environments: EnvironmentService;
  readonly functions: FunctionService;
  readonly triggers: TriggerService;
  readonly invocations: InvocationQueries;
  readonly queue: AsyncInvocations;
  readonly logs: LogQueries;
  readonly topics: TopicService;
  readonly backlogs: QueueBacklog;
}

export interface ControlPlaneNeeds {
  readonly images: EnvironmentServiceParts["images"];
  readonly support: TriggerSupport;
  readonly clock: Clock;
  readonly logger?: Logger;
  /** Where there is a NATS server: what counts its messages. */
  readonly nats?: Pick<QueueBroker, "backlog">;
  /** Waited for after each commit. */
  readonly inForce?: () => Promise<void>;
}

export function buildControlPlane(
  { dataSource, wakeups }: Pick<OpenStore, "dataSource" | "wakeups">,
  { images, support, clock, inForce, nats, logger = silentLogger }: ControlPlaneNeeds,
): ControlPlane {
  const store = new ResourceStore(dataSource, clock, inForce);
  const environments = new EnvironmentRepository(dataSource);
  const functions = new FunctionRepository(dataSource);
  const versions = new FunctionVersionRepository(dataSource);
  const triggers = new TriggerRepository(dataSource);
  const records = new TriggerRecordsRepository(dataSource);
  const invocations = new InvocationQueries(
    new InvocationRepository(dataSource),
    new InvocationStatsRepository(dataSource),
    { wait: (signal) => wakeups.wait("fermi_invocation", signal) },
    clock,
  );
  const deliveries = new TopicDeliveryRepository(dataSource);
  const stored: typeof nats = { backlog: (waiting) => deliveries.backlog(waiting.map(({ id }) => id)) };
  return {
    environments: new EnvironmentService({ store, environments, images, clock }),
    functions: new FunctionService({ store, functions, versions, clock }),
    triggers: new TriggerService({ store, triggers, records, support, clock }),
    invocations,
    queue: new AsyncInvocations({ store: new AsyncInvocationRepository(dataSource), invocations, clock }),
    topics: new TopicService(new TopicRepository(dataSource)),
    backlogs: new QueueBacklog({ counters: { POSTGRES: stored, ...(nats && { NATS: nats }) }, clock, logger }),
    logs: new LogQueries(new LogLineRepository(dataSource), { wait: (signal) => wakeups.wait("fermi_log", signal) }),
  };
}
