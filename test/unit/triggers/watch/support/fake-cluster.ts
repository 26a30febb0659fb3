/** A cluster of one kind, in memory: versions that grow, a history that can be forgotten, watches that can be cut. */
import type { AppError } from "../../../../../src/errors/app-error.js";
import type { KubernetesObject, ObjectEvent, ObjectPage } from "../../../../../src/model/kubernetes-object.js";
import type { FoundObjects, WatchedCluster } from "../../../../../src/triggers/watch/watched-cluster.js";

type Kept = Exclude<ObjectEvent, { type: "EXPIRED" }> & { readonly at: number };

export class FakeCluster implements WatchedCluster {
  name = "https://cluster.example";
  /** What every way to the cluster ends in; undefined while it is well. */
  problem: AppError | undefined;
  lists = 0;
  watches = 0;
  #version = 100;
  #forgotten = 0;
  #nextUid = 1;
  readonly #objects = new Map<string, KubernetesObject>();
  readonly #history: Kept[] = [];
  #wake = new AbortController();

  constructor(private readonly pageSize = 2) {}

  put(name: string, labels: Record<string, string> = {}): KubernetesObject {
    const before = this.#objects.get(name);
    const uid = before?.metadata.uid ?? `uid-${this.#nextUid++}`;
    const object = this.#object(name, uid, labels);
    this.#objects.set(name, object);
    this.#happened({ type: before === undefined ? "ADDED" : "MODIFIED", object });
    return object;
  }

  remove(name: string): void {
    const { uid, labels = {} } = this.#objects.get(name)!.metadata;
    this.#objects.delete(name);
    this.#happened({ type: "DELETED", object: this.#object(name, uid, labels) });
  }

  bookmark(): void {
    this.#happened({ type: "BOOKMARK", version: String(++this.#version) });
  }

  /** Whoever has not read up to now has to list. */
  forget(): void {
    this.#forgotten = this.#version;
    this.cut();
  }

  /** As one that was made anew at the same address: it has nothing, and counts from the beginning. */
  beginAnew(): void {
    this.#objects.clear();
    this.#history.splice(0);
    this.#version = 1;
    this.cut();
  }

  cut(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  async find(): Promise<FoundObjects> {
    if (this.problem !== undefined) throw this.problem;
    return {
      list: async (next) => this.#list(Number(next ?? 0)),
      version: async () => String(this.#version),
      watch: async (v, signal) => this.#watch(v, signal),
    };
  }

  #list(from: number): ObjectPage {
    if (from === 0) this.lists++;
    const all = [...this.#objects.values()];
    const to = from + this.pageSize;
    const next = to < all.length ? String(to) : undefined;
    return { objects: all.slice(from, to), version: String(this.#version), next };
  }

  async *#watch(version: string, signal: AbortSignal): AsyncGenerator<ObjectEvent> {
    this.watches++;
    const { signal: cut } = this.#wake;
    if (Number(version) < this.#forgotten) {
      yield { type: "EXPIRED" };
      return;
    }
    const over = AbortSignal.any([signal, cut]);
    for (let i = this.#history.filter(({ at }) => at <= Number(version)).length; !over.aborted;) {
      const next = this.#history[i];
      if (next === undefined) await this.#news(over);
      else {
        i++;
        yield next;
      }
    }
  }

  #told: () => void = () => {};

  #news(over: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#told = resolve;
      over.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  #object(name: string, uid: string, labels: Record<string, string>): KubernetesObject {
    const resourceVersion = String(++this.#version);
    return { apiVersion: "v1", kind: "Pod", metadata: { uid, name, namespace: "n", resourceVersion, labels } };
  }

  #happened(event: Exclude<ObjectEvent, { type: "EXPIRED" }>): void {
    this.#history.push({ ...event, at: this.#version });
    this.#told();
  }
}
