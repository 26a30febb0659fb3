import type { Clock } from "../lib/clock.js";
import type { PoolView } from "../model/pool-view.js";
import type { PoolNews } from "./pool-wire.js";

/** What happens inside of instances is told this often; that they come, change state and go, at once. */
const refreshMs = 1_000;

export interface PoolFeedOptions {
  readonly view: PoolView;
  readonly clock: Clock;
  readonly send: (message: PoolNews) => void;
  /** The pools are still this process' to show. */
  readonly isCurrent: () => boolean;
  /** Called when they are not, after which nothing is told. */
  readonly onEnd: () => void;
}

/** Tells one viewer of the pools: everything, then each pool that is not as it was. */
export class PoolFeed {
  /** As it was told, by environment. */
  readonly #told = new Map<string, string>();
  readonly #watching: { stop(): void };
  #timer: { stop(): void } | undefined;
  #isFirst = true;

  constructor(private readonly options: PoolFeedOptions) {
    this.#watching = options.view.onChange(() => this.#tell());
    this.#refresh();
  }

  stop(): void {
    this.#watching.stop();
    this.#timer?.stop();
  }

  #refresh(): void {
    if (!this.options.isCurrent()) {
      this.stop();
      return this.options.onEnd();
    }
    this.#tell();
    this.#timer = this.options.clock.after(refreshMs, () => this.#refresh());
  }

  #tell(): void {
    const present = this.options.view.pools();
    const ids = new Set(present.map(({ environmentId }) => environmentId));
    const gone = [...this.#told.keys()].filter((id) => !ids.has(id));
    const pools = present.filter((pool) => {
      const text = JSON.stringify(pool);
      if (this.#told.get(pool.environmentId) === text) return false;
      this.#told.set(pool.environmentId, text);
      return true;
    });
    for (const id of gone) this.#told.delete(id);
    if (!this.#isFirst && pools.length === 0 && gone.length === 0) return;
    this.options.send({ type: "POOLS", isWhole: this.#isFirst, pools, gone });
    this.#isFirst = false;
  }
}
