import type { Logger } from "../lib/logger.js";
import type { Stoppable } from "../lib/stoppable.js";
import type { TriggerSource } from "./trigger-source.js";

export interface RunningSourcesParts {
  readonly sources: readonly TriggerSource[];
  /** Stopped after the sources, so that their last words are written. */
  readonly statuses: Stoppable;
  readonly logger: Logger;
  /** Calls `onChange` soon after each commit of a resource. */
  readonly subscribe: (onChange: () => void) => { stop(): void };
}

/** Sources that were started together: all are told of changes, and stopped beside each other. */
export class RunningSources implements Stoppable {
  #subscription: { stop(): void } | undefined;

  constructor(private readonly parts: RunningSourcesParts) {}

  /** Subscribes first, so that no change falls between. */
  start(): void {
    const { sources, subscribe } = this.parts;
    if (sources.length === 0) return;
    this.#subscription = subscribe(() => {
      for (const source of sources) source.lookAgain();
    });
    for (const source of sources) source.start();
  }

  async stop(): Promise<void> {
    const { sources, statuses, logger } = this.parts;
    this.#subscription?.stop();
    const stops = await Promise.allSettled(sources.map((source) => source.stop()));
    for (const stop of stops) {
      if (stop.status === "rejected") logger.error({ err: stop.reason as unknown }, "a source did not stop cleanly");
    }
    await statuses.stop();
  }
}
