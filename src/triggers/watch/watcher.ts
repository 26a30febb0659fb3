/**
 * One trigger at work: what the cluster has and what happens there becomes events, those go to the function, and what was
 * told is noted. It begins where it ended last; where the cluster has forgotten what came after that, all is listed and
 * what is different is told. What fails is tried again, for ever, and said on the trigger.
 */
import { AppError } from "../../errors/app-error.js";
import { Backoff } from "../../lib/backoff.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import { orAbort } from "../../lib/or-abort.js";
import type { Stoppable } from "../../lib/stoppable.js";
import type { KubernetesObject, ObjectEvent, ObjectSelection } from "../../model/kubernetes-object.js";
import type { Attempt } from "./deliver.js";
import type { Journal, TriggerKey } from "./journal.js";
import { KnownObjects } from "./known-objects.js";
import { Lanes, type Delivery } from "./lanes.js";
import { isBehind } from "./object-version.js";
import type { FoundObjects, WatchedCluster } from "./watched-cluster.js";
import { nameOf, watchEvent, type WatchEvent, type WatchEventType } from "./watch-event.js";
import type { Trouble, WatchHealth } from "./watch-health.js";
import type { WatchStore } from "./watch-store.js";
import { Watermark, type Ticket } from "./watermark.js";

export interface WatcherOptions {
  readonly triggerId: string;
  readonly selection: ObjectSelection;
  readonly cluster: () => Promise<WatchedCluster>;
  readonly store: Pick<WatchStore, "load" | "metadata">;
  readonly journal: Journal;
  readonly health: WatchHealth;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Tells the function. Never rejects; undefined where nothing may be told from here at the moment. */
  readonly tell: (event: WatchEvent, attempt: number) => Promise<Attempt | undefined>;
  /** Of what may wait for the function. */
  readonly maxBytes: () => number;
  readonly maxObjects: number;
}

const shortMs = 1_000;
/** So long what the cluster has is taken for what it had, while nothing fails. */
const trustMs = 5 * 60_000;

export class Watcher implements Stoppable {
  readonly #stopping = new AbortController();
  readonly #backoff = new Backoff(500, 15_000);
  readonly #lanes: Lanes<Ticket>;
  #known = new KnownObjects(new Map());
  #watermark = new Watermark(() => {});
  /** Up to which version events were read; undefined where all is to be listed. */
  #read: string | undefined;
  #trustedUntilMs = -Infinity;
  /** Known with the cluster; what was told is loaded then. */
  #key: TriggerKey | undefined;
  #running: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(private readonly options: WatcherOptions) {
    this.#lanes = new Lanes({
      clock: options.clock,
      random: options.random,
      deliver: (event, attempt) => this.#deliver(event, attempt),
      onLeft: (ticket, told) => this.#left(ticket, told),
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** What has failed is tried again at once. */
  retryNow(): void {
    this.#lanes.retryNow();
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("the watch is stopped"));
    this.#wake();
    await Promise.all([this.#lanes.stop(), this.#running]);
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const { clock } = this.options;
    while (!this.#stopping.signal.aborted) {
      const beganMs = clock.monotonicMs();
      try {
        const cluster = await this.options.cluster();
        this.#key ??= await this.#load(cluster);
        await this.#follow(cluster);
        // A server that ends watches as they begin must not be asked again and again without a pause.
        if (clock.monotonicMs() - beganMs < shortMs) await this.#pause();
        else this.#backoff.succeed();
      } catch (error) {
        if (this.#isStopped) return;
        this.#failed(error);
        await this.#pause();
      }
    }
  }

  #failed(error: unknown): void {
    const { health, logger, triggerId } = this.options;
    this.#trustedUntilMs = -Infinity;
    const trouble = troubleOf(error);
    logger.debug({ triggerId, err: error }, "a watch failed; it is tried again");
    if (trouble !== undefined) health.watchFails(trouble);
  }

  async #load({ name }: WatchedCluster): Promise<TriggerKey> {
    const { store, triggerId, selection, journal } = this.options;
    const key = { triggerId, selection: JSON.stringify([name, selection]) };
    const { position, objects } = await store.load(triggerId, key.selection);
    this.#known = new KnownObjects(objects);
    this.#watermark = new Watermark((move) => {
      for (const uid of move.gone) this.#known.forget(uid);
      journal.moved(key, move);
    });
    this.#read = position ?? undefined;
    return key;
  }

  async #follow(cluster: WatchedCluster): Promise<void> {
    const { selection, health } = this.options;
    const { signal } = this.#stopping;
    const found = await cluster.find(selection, signal);
    await this.#makeSure(found);
    const from = this.#read ?? (this.#read = await this.#list(found));
    if (from === undefined) return;
    const events = await found.watch(from, signal);
    health.watches();
    for await (const event of events) if (!(await this.#goesOnAfter(event))) return;
  }

  /**
   * A cluster that was made anew or restored counts from below what was read, and would keep quiet about all that happens
   * until it has got there: then everything is listed.
   */
  async #makeSure(found: FoundObjects): Promise<void> {
    const nowMs = this.options.clock.monotonicMs();
    if (this.#read === undefined || nowMs < this.#trustedUntilMs) return;
    const latest = await found.version(this.#stopping.signal);
    if (isBehind(latest, this.#read)) this.#read = undefined;
    this.#trustedUntilMs = nowMs + trustMs;
  }

  async #goesOnAfter(event: ObjectEvent): Promise<boolean> {
    if (event.type === "EXPIRED") {
      this.#read = undefined;
      return false;
    }
    if (event.type === "BOOKMARK") {
      this.#watermark.pass((this.#read = event.version));
      return true;
    }
    const type = this.#known.happened(event.type, event.object);
    const version = (this.#read = event.object.metadata.resourceVersion);
    if (type === undefined) this.#watermark.pass(version, goneBy(event));
    else await this.#put(watchEvent(type, event.object), version);
    this.#expectFew(this.#known.living);
    return !this.#isStopped;
  }

  /** Resolves with from where to watch; undefined where the list became too old in between, and has to begin anew. */
  async #list(found: FoundObjects): Promise<string | undefined> {
    const { signal } = this.#stopping;
    const present = new Set<string>();
    let next: string | undefined;
    let version: string;
    do {
      const page = await found.list(next, signal);
      if (page === "EXPIRED") return undefined;
      this.options.health.watches();
      for (const object of page.objects) {
        present.add(object.metadata.uid);
        this.#expectFew(present.size);
        await this.#putPresent(object);
      }
      ({ next, version } = page);
    } while (next !== undefined && !this.#isStopped);
    if (this.#isStopped) return undefined;
    await this.#putGone(this.#known.absent(present));
    this.#watermark.pass(version, this.#known.allGone);
    return version;
  }

  async #putPresent(object: KubernetesObject): Promise<void> {
    const former = this.#known.formerOf(object);
    if (former !== undefined) await this.#putGone([former]);
    const type = this.#known.present(object);
    if (type !== undefined) await this.#put(watchEvent(type, object), null);
  }

  /** Throws where there are too many. A list then shows when there are fewer again. */
  #expectFew(objects: number): void {
    const { maxObjects } = this.options;
    if (objects <= maxObjects) return;
    this.#read = undefined;
    throw new AppError("BAD_USER_INPUT", `It finds more than ${maxObjects} objects: narrow it by a selector.`);
  }

  /** Of what has gone unseen, and was told before, only little is known. */
  async #putGone(uids: readonly string[]): Promise<void> {
    if (uids.length === 0) return;
    const { store, triggerId, journal, selection } = this.options;
    const { apiVersion, kind } = selection;
    const untold = this.#lanes.untold();
    // For as long as the store is away, which nobody is to wait for at the end.
    await orAbort(journal.flush(), this.#stopping.signal);
    const told = await store.metadata(triggerId, uids);
    const kept = new Map(told.map((metadata) => [metadata.uid, metadata]));
    for (const uid of uids) {
      const waiting = untold.get(uid);
      const metadata = kept.get(uid);
      this.#known.gone(uid);
      if (waiting !== undefined) await this.#put({ ...waiting, type: "DELETED" }, null);
      else if (metadata !== undefined)
        await this.#put(watchEvent("DELETED", { apiVersion, kind, metadata }, true), null);
    }
  }

  async #put(event: WatchEvent, version: string | null): Promise<void> {
    await this.#lanes.room(this.options.maxBytes);
    this.#lanes.put(event, this.#watermark.take(version, goneBy({ type: event.type, object: event })));
  }

  async #deliver(event: WatchEvent, count: number): Promise<Delivery> {
    const { journal, health, tell } = this.options;
    const attempt = journal.hasRoom ? await tell(event, count) : undefined;
    if (attempt === undefined) return "PUT_OFF";
    const object = nameOf(event);
    if (attempt.outcome === "FAILED" || attempt.outcome === "NOT_ASKED") {
      health.deliveryFails(object, attempt.reason);
      return attempt.outcome === "FAILED" ? "FAILED" : "PUT_OFF";
    }
    if (attempt.outcome === "REFUSED") health.refused(object, attempt.reason);
    else health.delivered(object);
    return "SETTLED";
  }

  #left(ticket: Ticket, told: WatchEvent | undefined): void {
    const key = this.#key;
    if (told !== undefined && key !== undefined) this.options.journal.told(key, told.metadata, told.type === "DELETED");
    this.#watermark.settle(ticket);
  }

  #pause(): Promise<void> {
    const { clock } = this.options;
    const ms = this.#backoff.fail(clock.monotonicMs());
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = clock.after(ms, () => resolve());
      this.#wake = () => {
        timer.stop();
        resolve();
      };
    });
  }
}

const goneBy = ({ type, object }: { type: WatchEventType; object: Pick<WatchEvent, "metadata"> }): string[] =>
  type === "DELETED" ? [object.metadata.uid] : [];

/** Undefined where it is not the trigger's, nor the cluster's: the store, or a mistake of ours. */
function troubleOf(error: unknown): Trouble | undefined {
  if (!(error instanceof AppError) || error.code === "STORE_UNAVAILABLE") return undefined;
  const isInvalid = error.code === "NOT_FOUND" || error.code === "BAD_USER_INPUT";
  return { condition: isInvalid ? "INVALID" : "FAILING", reason: error.message };
}
