/** What waits for workers, and how triggers do, as Prometheus is told of it: by the process alone that leads the triggers. */
import type { Clock } from "../lib/clock.js";
import { Remembered } from "../lib/remembered.js";
import type { Backlogs } from "../store/repositories/backlog.repository.js";
import type { Metrics } from "./metrics.js";

export interface BacklogMetricsParts {
  readonly metrics: Pick<Metrics, "lookedUp">;
  readonly look: () => Promise<Backlogs>;
  /** Whether this process is the one that tells. */
  readonly tells: () => boolean;
  readonly clock: Clock;
}

/** However often it is asked for. */
const lookEveryMs = 5_000;

export function tellBacklogs({ metrics, look, tells, clock }: BacklogMetricsParts): void {
  const remembered = new Remembered(look, lookEveryMs, clock);
  /** Undefined where another process tells, or nothing can be known now: then there are no values. */
  const now = async (): Promise<Backlogs | undefined> =>
    tells() ? remembered.get().catch(() => undefined) : undefined;
  const tellAsync = (name: string, help: string, of: (backlog: Backlogs["async"]) => number): void =>
    metrics.lookedUp(name, help, [], async (gauge) => {
      const backlogs = await now();
      if (backlogs === undefined) gauge.remove();
      else gauge.set(of(backlogs.async));
    });
  tellAsync(
    "fermi_async_waiting",
    "Asynchronous invocations that are due and wait to begin.",
    ({ waiting }) => waiting,
  );
  tellAsync(
    "fermi_async_oldest_waiting_seconds",
    "How long the oldest of these has been due.",
    ({ oldestSeconds }) => oldestSeconds,
  );
  tellAsync(
    "fermi_async_begun",
    "Asynchronous invocations that workers have begun and not ended.",
    ({ begun }) => begun,
  );
  metrics.lookedUp(
    "fermi_queue_backlog",
    "Messages that a queue trigger has not dealt with, in the store or at NATS.",
    ["namespace", "trigger"],
    async (gauge) => {
      for (const { count, ...labels } of (await now())?.queues ?? []) gauge.set(labels, count);
    },
  );
  metrics.lookedUp(
    "fermi_triggers",
    "Enabled triggers by kind and condition.",
    ["kind", "condition"],
    async (gauge) => {
      for (const { count, ...labels } of (await now())?.triggers ?? []) gauge.set(labels, count);
    },
  );
}
