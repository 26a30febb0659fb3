import type { DataSource } from "typeorm";
import { systemClock, type Clock } from "../lib/clock.js";
import type { Trigger } from "../model/trigger.js";
import { LivingResources } from "./living-resources.js";
import { withStore } from "./with-store.js";

type TriggerTypeName = "TimeTrigger" | "KubernetesWatchTrigger" | "QueueTrigger";
type TriggerOf<K extends TriggerTypeName> = Extract<
  Trigger,
  { kind: { TimeTrigger: "TIME"; KubernetesWatchTrigger: "KUBERNETES_WATCH"; QueueTrigger: "QUEUE" }[K] }
>;

/** Old changes are pruned after a day: whoever has been away for longer must not rely on them. */
const readAllEveryMs = 3_600_000;

/** The living triggers of one kind: all at the first loading, then only what has changed since. */
export class TriggerStore<K extends TriggerTypeName> {
  #living: LivingResources<K> | undefined;
  #triggers: readonly TriggerOf<K>[] = [];
  #lastLoad: Promise<unknown> = Promise.resolve();
  #readAllAtMs = -Infinity;

  constructor(
    private readonly dataSource: DataSource,
    private readonly kind: K,
    private readonly clock: Clock = systemClock,
  ) {}

  /** Disabled ones too. The very same array where nothing has changed. Rejects while the store is away. */
  load(): Promise<readonly TriggerOf<K>[]> {
    const load = this.#lastLoad.then(() => this.#load());
    this.#lastLoad = load.catch(() => undefined);
    return load;
  }

  async #load(): Promise<readonly TriggerOf<K>[]> {
    const nowMs = this.clock.monotonicMs();
    if (nowMs > this.#readAllAtMs) {
      this.#living = undefined;
      this.#readAllAtMs = nowMs + readAllEveryMs;
    }
    const living = (this.#living ??= new LivingResources([this.kind]));
    try {
      const isChanged = await withStore(() =>
        this.dataSource.transaction("REPEATABLE READ", (db) => living.catchUp(db)),
      );
      if (isChanged) this.#triggers = [...living.of(this.kind).values()] as unknown as TriggerOf<K>[];
      return this.#triggers;
    } catch (error) {
      // Half of the changes may have been read, or be read still by what was given up.
      this.#living = undefined;
      throw error;
    }
  }
}
