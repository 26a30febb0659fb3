/** What calls functions by itself, in the role `triggers`: a line for each kind of trigger. */
import { TimerRunRepository } from "../store/repositories/timer-run.repository.js";
import { TriggerStore } from "../store/trigger-store.js";
import { TimerSource } from "../triggers/timer/timer-source.js";
import type { BuildSource } from "./build-source.js";
import { queueSource } from "./queue-source.js";
import { watchSource } from "./watch-source.js";

const timers: BuildSource = ({ foundation, statuses, invoker, leads, linger }) => {
  const { clock, config, logger, store } = foundation;
  return new TimerSource({
    triggers: new TriggerStore(store.dataSource, "TimeTrigger"),
    runs: new TimerRunRepository(store.dataSource),
    ...{ statuses, invoker, leads, linger, clock, logger },
    stopWithinMs: config.stopTimeoutSeconds * 1_000,
  });
};

/** Run by the one process that leads, for as long as it does. */
export const leaderSources: readonly BuildSource[] = [timers, watchSource];

/** Run by every process of the role, beside each other. */
export const sharedSources: readonly BuildSource[] = [queueSource];
