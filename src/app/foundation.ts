/** What every role of a process stands on; made once for each process. */
import { FunctionTokens } from "../auth/function-token.js";
import { InternalAuth } from "../auth/internal-auth.js";
import { instancesHere } from "../config/instances-here.js";
import type { Config } from "../config/settings.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { newKey } from "../lib/new-key.js";
import type { StopStack } from "../lib/stop-stack.js";
import { TopicService } from "../services/topic.service.js";
import { ChangeFeed } from "../store/change-feed.js";
import { TopicRepository } from "../store/repositories/topic.repository.js";
import { RoutingStore } from "../store/routing-store.js";
import { StoreHealth } from "../store/store-health.js";
import { KnownNames } from "./known-names.js";
import { Metrics, type MetricSources } from "./metrics.js";
import { OpenFiles } from "./open-files.js";
import type { OpenStore } from "./open-store.js";

export interface Surroundings {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A role takes what it needs of this and pushes what it starts on `started`. */
export interface Foundation extends Surroundings {
  readonly started: StopStack;
  /** What instances' keys are made of: the configured secret, else one of this process alone. */
  readonly secret: string;
  /** By the same secret roles know each other. */
  readonly auth: InternalAuth;
  /** What functions prove themselves with. */
  readonly functionTokens: FunctionTokens;
  readonly topics: TopicService;
  readonly store: OpenStore;
  readonly health: StoreHealth;
  readonly changes: ChangeFeed;
  /** What router and pool manager read; loading goes through `names`. */
  readonly routing: RoutingStore;
  readonly names: KnownNames;
  readonly metrics: Metrics;
  readonly openFiles: OpenFiles;
}

/** What happens in the roles of this process, which are made later. */
export interface Happenings extends Pick<MetricSources, "pools" | "waiting" | "elsewhere"> {
  /** Everything that was changed up to this change is about to be taken up. */
  loaded(change: string): void;
}

export function layFoundation(
  surroundings: Surroundings,
  started: StopStack,
  store: OpenStore,
  live: Happenings,
): Foundation {
  const { dataSource, wakeups } = store;
  const { config, clock, logger } = surroundings;
  const changes = new ChangeFeed(dataSource, wakeups);
  const routing = new RoutingStore(dataSource, changes);
  const names = new KnownNames(routing, () => {
    if (routing.position !== undefined) live.loaded(routing.position);
  });
  const metrics = new Metrics({
    pools: () => live.pools(),
    waiting: () => live.waiting(),
    elsewhere: () => live.elsewhere(),
    environmentName: (id) => names.environmentName(id),
    functionName: (id) => names.functionName(id),
  });
  const secret = config.internalSecret ?? newKey();
  return {
    ...surroundings,
    started,
    secret,
    auth: new InternalAuth(secret, clock),
    functionTokens: new FunctionTokens(secret, clock),
    topics: new TopicService(new TopicRepository(dataSource)),
    store,
    health: new StoreHealth(dataSource),
    changes,
    routing,
    names,
    metrics,
    openFiles: new OpenFiles(instancesHere(config), clock, logger),
  };
}
