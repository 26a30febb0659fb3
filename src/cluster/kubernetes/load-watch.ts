import type { Clock } from "../../lib/clock.js";
import type { Stoppable } from "../../lib/stoppable.js";

const firstLookMs = 2_000;

/**
 * Looks while code loads, ever more seldom, whether the instance still takes connections: one that was open already says
 * nothing of a node that has died, whereas of a process that is busy the kernel takes new ones.
 */
export class LoadWatch implements Stoppable {
  #timer: { stop(): void } | undefined;
  #isStopped = false;

  constructor(
    private readonly clock: Clock,
    private readonly isThere: () => Promise<boolean>,
    private readonly onLost: () => void,
  ) {}

  start(pauseMs = firstLookMs): this {
    this.#timer = this.clock.after(pauseMs, () => void this.#look(pauseMs));
    return this;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.stop();
  }

  async #look(pauseMs: number): Promise<void> {
    const isThere = await this.isThere();
    if (this.#isStopped) return;
    if (isThere) this.start(pauseMs * 2);
    else this.onLost();
  }
}
