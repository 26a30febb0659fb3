/**
 * All resources of one kind that a selector finds, as they are and as they change.
 *
 * It lists, watches for half a minute, and lists again, in one loop: a list repairs whatever events have missed, so an
 * event that is lost, a version that has expired (410), a connection that hangs half open and a server that was away all
 * heal in the same way, and no two watches are ever open. What fails is tried again with growing pauses, for ever.
 */
import type { IncomingMessage } from "node:http";
import { Backoff } from "../../lib/backoff.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import type { Stoppable } from "../../lib/stoppable.js";
import type { KubeCalls } from "./fenced-kube-api.js";
import { inWords } from "./kube-error.js";
import { linesOf } from "./lines-of.js";

export interface KubeResource {
  readonly metadata: { readonly uid: string; readonly name: string; readonly resourceVersion: string };
}

export interface ResourceWatchOptions<T extends KubeResource> {
  readonly api: KubeCalls;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the list, such as /api/v1/namespaces/x/pods. */
  readonly path: string;
  readonly labelSelector: string;
  /** For each at the first list, then at every change; also of one that has only come back in another version. */
  readonly onPresent: (resource: T) => void;
  /** Once for each, with how it was seen last. A resource of the same name made anew is another one. */
  readonly onAbsent: (resource: T) => void;
  /** Called after every list: all that there is has been told. */
  readonly onListed?: () => void;
  readonly watchSeconds?: number;
}

interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T;
}

const defaultWatchSeconds = 30;
/** A server that ends no watch in time has forgotten it, or is out of reach. */
const graceMs = 3_000;
const shortMs = 1_000;

export class ResourceWatch<T extends KubeResource> implements Stoppable {
  readonly #known = new Map<string, T>();
  readonly #stopping = new AbortController();
  readonly #backoff = new Backoff(250, 5_000);
  #running: Promise<void> | undefined;
  #open: IncomingMessage | undefined;
  #wake: () => void = () => {};

  constructor(private readonly options: ResourceWatchOptions<T>) {}

  start(): void {
    this.#running ??= this.#run();
  }

  /** Lists anew at once; to be called when something may have been missed. */
  refresh(): void {
    this.#wake();
    this.#open?.destroy();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the watch is stopped"));
    this.refresh();
    await this.#running;
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const { clock, logger, path } = this.options;
    while (!this.#stopping.signal.aborted) {
      const beganMs = clock.monotonicMs();
      try {
        await this.#watch(await this.#list());
        // A server that ends watches as they begin must not be asked again and again without a pause.
        if (clock.monotonicMs() - beganMs < shortMs) await this.#pause(this.#backoff.fail(clock.monotonicMs()));
        else this.#backoff.succeed();
      } catch (error) {
        if (this.#isStopped) return;
        const pauseMs = this.#backoff.fail(clock.monotonicMs());
        logger.warn({ path, why: inWords(error), pauseMs }, "the cluster can't be watched; it is tried again");
        await this.#pause(pauseMs);
      }
    }
  }

  /** Resolves with the version of the whole list. */
  async #list(): Promise<string> {
    const { api, path, labelSelector, onListed } = this.options;
    const query = { labelSelector };
    const { signal } = this.#stopping;
    const list = await api.call<{ metadata: { resourceVersion: string }; items: T[] }>({
      method: "GET",
      path,
      query,
      signal,
    });
    const present = new Set(list.items.map(({ metadata }) => metadata.uid));
    for (const [uid, resource] of this.#known) if (!present.has(uid)) this.#remove(resource);
    for (const resource of list.items) this.#put(resource);
    onListed?.();
    return list.metadata.resourceVersion;
  }

  /** However the answer ends once it has begun, a list comes next. */
  async #watch(resourceVersion: string): Promise<void> {
    const { api, clock, path, labelSelector, watchSeconds = defaultWatchSeconds } = this.options;
    const query = { labelSelector, resourceVersion, watch: true, timeoutSeconds: watchSeconds };
    const response = await api.stream({ method: "GET", path, query, signal: this.#stopping.signal });
    this.#open = response;
    const guard = clock.after(1_000 * watchSeconds + graceMs, () => response.destroy());
    try {
      for await (const line of linesOf(response)) {
        const event = JSON.parse(line) as WatchEvent<T>;
        // Most often that the version is too old.
        if (event.type === "ERROR") return;
        this.#receive(event);
      }
    } catch (error) {
      this.options.logger.debug({ path, why: inWords(error) }, "a watch on the cluster was cut");
    } finally {
      guard.stop();
      this.#open = undefined;
      response.destroy();
    }
  }

  #receive({ type, object }: WatchEvent<T>): void {
    if (type === "ADDED" || type === "MODIFIED") this.#put(object);
    if (type === "DELETED") this.#remove(object);
  }

  #put(resource: T): void {
    const { uid, resourceVersion } = resource.metadata;
    if (this.#known.get(uid)?.metadata.resourceVersion === resourceVersion) return;
    this.#known.set(uid, resource);
    this.options.onPresent(resource);
  }

  #remove(resource: T): void {
    if (this.#known.delete(resource.metadata.uid)) this.options.onAbsent(resource);
  }

  #pause(ms: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.options.clock.after(ms, resolve);
      this.#wake = () => {
        timer.stop();
        resolve();
      };
    });
  }
}
