import type { ResourceSnapshot, RoutingStore } from "../store/routing-store.js";

/** Remembers the names of what was last loaded, for metrics: a scrape must not wait for the store. */
export class KnownNames {
  #snapshot: ResourceSnapshot | undefined;
  #environments = new Map<string, string>();
  #functions = new Map<string, { namespace: string; functionName: string }>();

  constructor(
    private readonly store: RoutingStore,
    private readonly onLoaded: () => void,
  ) {}

  /** Loads, and remembers names. */
  async load(): Promise<ResourceSnapshot> {
    const snapshot = await this.store.load();
    this.onLoaded();
    if (snapshot === this.#snapshot) return snapshot;
    this.#snapshot = snapshot;
    this.#environments = new Map(snapshot.environments.map(({ id, name }) => [id, name]));
    this.#functions = new Map(
      snapshot.functions.map(({ id, namespace, name }) => [id, { namespace, functionName: name }]),
    );
    return snapshot;
  }

  environmentName(id: string): string | undefined {
    return this.#environments.get(id);
  }

  functionName(id: string): { readonly namespace: string; readonly functionName: string } | undefined {
    return this.#functions.get(id);
  }
}
