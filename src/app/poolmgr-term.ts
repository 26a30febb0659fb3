/** The pool manager that leads at present, for those of its process; between two terms there is none. */
import { AppError } from "../errors/app-error.js";
import type { Instance, Pool } from "../model/instance.js";
import type { PoolView } from "../model/pool-view.js";
import type { PoolManager } from "../poolmgr/pool-manager.js";
import type { PoolmgrLink, PoolmgrStream, StreamListener } from "../poolmgr/router-link.js";

type Listener = (environmentId: string) => void;

export class PoolmgrTerm implements PoolmgrLink, PoolView {
  #manager: PoolManager | undefined;
  readonly #listeners = new Set<Listener>();
  #listening: { stop(): void } | undefined;

  get manager(): PoolManager | undefined {
    return this.#manager;
  }

  begin(manager: PoolManager): void {
    this.#manager = manager;
    this.#listening = manager.view.onChange((environmentId) => {
      for (const listener of this.#listeners) listener(environmentId);
    });
  }

  end(): void {
    this.#manager = undefined;
    this.#listening?.stop();
  }

  open(listener: StreamListener): PoolmgrStream {
    if (this.#manager === undefined) throw new AppError("CLUSTER_UNAVAILABLE", "The pool manager here stands by.");
    return this.#manager.hub.open(listener);
  }

  pools(): readonly Pool[] {
    return this.#manager?.view.pools() ?? [];
  }

  instancesOf(functionId: string): readonly Instance[] {
    return this.#manager?.view.instancesOf(functionId) ?? [];
  }

  onChange(listener: Listener): { stop(): void } {
    const own: Listener = (environmentId) => listener(environmentId);
    this.#listeners.add(own);
    return { stop: () => void this.#listeners.delete(own) };
  }
}
