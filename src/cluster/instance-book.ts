import type { ClusterInstance, InstanceChange, SpecializeRequest, Watching } from "./cluster-driver.js";

type Watcher = (change: InstanceChange) => void;

interface Delivery {
  readonly change: InstanceChange;
  readonly watchers: readonly Watcher[];
}

/**
 * Every instance of a driver, and who watches them. Watchers hear of changes in the order in which they were made, also
 * of those made while they are being told of another; an instance is told to be GONE exactly once. Watchers do not throw.
 */
export class InstanceBook {
  readonly #instances = new Map<string, ClusterInstance>();
  readonly #watchers = new Set<Watcher>();
  readonly #deliveries: Delivery[] = [];
  #delivering = false;

  get ids(): string[] {
    return [...this.#instances.keys()];
  }

  find(id: string): ClusterInstance | undefined {
    return this.#instances.get(id);
  }

  add(instance: ClusterInstance): void {
    this.#instances.set(instance.id, instance);
    this.#tell({ type: "CHANGED", instance });
  }

  /** The instance as it is after the change; undefined, and nothing told, where it is gone already. */
  update(id: string, change: Partial<ClusterInstance>): ClusterInstance | undefined {
    const before = this.#instances.get(id);
    if (before === undefined) return undefined;
    const instance = { ...before, ...change };
    this.#instances.set(id, instance);
    this.#tell({ type: "CHANGED", instance });
    return instance;
  }

  /** It has its function and serves from now on. */
  specialized(id: string, { function: { id: functionId }, version, requestsPerInstance }: SpecializeRequest): void {
    this.update(id, { state: "READY", specializedFor: { functionId, version, requestsPerInstance } });
  }

  /** Says that the instance is no more; does nothing the second time. */
  remove(id: string, reason?: string): void {
    const instance = this.#instances.get(id);
    if (instance === undefined) return;
    this.#instances.delete(id);
    this.#tell(reason === undefined ? { type: "GONE", instance } : { type: "GONE", instance, reason });
  }

  watch(onChange: Watcher): Watching {
    // A function of its own for each call, so that one caller may watch twice and stop once.
    const watcher: Watcher = (change) => onChange(change);
    const known = [...this.#instances.values()];
    this.#watchers.add(watcher);
    for (const instance of known) this.#deliveries.push({ change: { type: "CHANGED", instance }, watchers: [watcher] });
    this.#deliver();
    return { stop: () => void this.#watchers.delete(watcher), listed: Promise.resolve() };
  }

  #tell(change: InstanceChange): void {
    this.#deliveries.push({ change, watchers: [...this.#watchers] });
    this.#deliver();
  }

  /** Not to those who have stopped meanwhile. */
  #hand({ change, watchers }: Delivery): void {
    for (const watcher of watchers) if (this.#watchers.has(watcher)) watcher(change);
  }

  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let next = this.#deliveries.shift(); next !== undefined; next = this.#deliveries.shift()) {
        this.#hand(next);
      }
    } finally {
      this.#delivering = false;
    }
  }
}
