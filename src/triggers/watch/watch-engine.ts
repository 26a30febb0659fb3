/**
 * The source of Kubernetes watches: keeps one watcher for each trigger that is enabled. Watchers share nothing but the
 * journal, and each has its share of what may wait in memory, so one that is in trouble harms no other.
 */
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import { ResyncLoop } from "../../lib/resync-loop.js";
import { Seldom } from "../../lib/seldom.js";
import type { ObjectSelection } from "../../model/kubernetes-object.js";
import type { KubernetesWatchTrigger } from "../../model/trigger.js";
import type { LivingTriggers, TriggerSource, TriggerStatuses } from "../trigger-source.js";
import { attempt, type Attempt, type InvokeFunction } from "./deliver.js";
import { eventRequest } from "./event-request.js";
import { Journal } from "./journal.js";
import type { WatchEvent } from "./watch-event.js";
import type { WatchedCluster } from "./watched-cluster.js";
import { Watcher } from "./watcher.js";
import { WatchHealth } from "./watch-health.js";
import type { WatchStore } from "./watch-store.js";

/** With which version of its function is the current one: another one may work where that did not. */
export type WatchedTrigger = KubernetesWatchTrigger & { readonly functionVersionId: string };

export interface WatchEngineOptions {
  readonly triggers: LivingTriggers<WatchedTrigger>;
  readonly statuses: Pick<TriggerStatuses, "report">;
  readonly store: WatchStore;
  readonly invoker: InvokeFunction;
  /** Rejects with an AppError where there is none. */
  readonly cluster: () => Promise<WatchedCluster>;
  /** Whether this process may still call: another may lead since. */
  readonly isHeld: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly maxBytes?: number;
  /** Of one trigger. */
  readonly maxObjects?: number;
  /** How long calls in flight may take at the end. */
  readonly stopWithinMs?: number;
}

interface Running {
  readonly watcher: Watcher;
  readonly health: WatchHealth;
  /** What makes another watcher of it. */
  readonly of: string;
  /** As it is now. */
  trigger: WatchedTrigger;
}

const resyncMs = 30_000;
const defaultMaxBytes = 64 * 1024 * 1024;
const defaultMaxObjects = 50_000;
const minShareBytes = 256 * 1024;

export class WatchEngine implements TriggerSource {
  readonly #options: Required<WatchEngineOptions>;
  readonly #loop: ResyncLoop;
  readonly #trouble: Seldom;
  readonly #running = new Map<string, Running>();
  readonly #ending = new Map<string, Promise<void>>();
  readonly #calls = new AbortController();
  #journal: Journal | undefined;
  #isPruned = false;
  #isStopped = false;

  constructor(options: WatchEngineOptions) {
    this.#options = { maxBytes: defaultMaxBytes, maxObjects: defaultMaxObjects, stopWithinMs: 10_000, ...options };
    this.#loop = new ResyncLoop(() => this.#reconcile(), resyncMs, options.clock);
    this.#trouble = new Seldom(options.clock);
  }

  start(): void {
    void this.#loop.ask();
  }

  lookAgain(): void {
    void this.#loop.ask();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const { clock, stopWithinMs } = this.#options;
    const patience = clock.after(stopWithinMs, () => this.#calls.abort(new Error("the triggers are stopped")));
    for (const id of this.#running.keys()) this.#end(id);
    await this.#loop.stop();
    for (const id of this.#running.keys()) this.#end(id);
    await Promise.all(this.#ending.values());
    patience.stop();
    await this.#journal?.stop();
  }

  async #reconcile(): Promise<void> {
    try {
      await this.#takeUp();
      this.#trouble.reset();
    } catch (error) {
      if (this.#trouble.isDue()) this.#options.logger.warn({ err: error }, "watch triggers can't be taken up now");
      throw error;
    }
  }

  async #takeUp(): Promise<void> {
    const { triggers, store, clock, logger } = this.#options;
    const living = await triggers.load();
    if (this.#journal === undefined && living.length === 0) return;
    this.#journal ??= new Journal({ store, clock, logger, term: await store.beginTerm() });
    const wanted = new Map(living.filter(({ enabled }) => enabled).map((trigger) => [trigger.id, trigger]));
    for (const [id, { of }] of this.#running) {
      const trigger = wanted.get(id);
      if (trigger === undefined || identityOf(trigger) !== of) this.#end(id);
    }
    if (this.#isStopped) return;
    for (const trigger of wanted.values()) this.#ensure(trigger, this.#journal);
    if (!this.#isPruned) await store.prune();
    this.#isPruned = true;
  }

  #ensure(trigger: WatchedTrigger, journal: Journal): void {
    const { id } = trigger;
    const running = this.#running.get(id);
    if (running !== undefined) return this.#renew(running, trigger);
    if (this.#ending.has(id)) return;
    const health = this.#health(trigger);
    const watcher = this.#watcher(trigger, journal, health);
    this.#running.set(id, { watcher, health, of: identityOf(trigger), trigger });
    watcher.start();
  }

  /** What it watches and tells is the same. */
  #renew(running: Running, trigger: WatchedTrigger): void {
    const { revision, functionVersionId } = running.trigger;
    running.trigger = trigger;
    if (trigger.functionVersionId !== functionVersionId) running.watcher.retryNow();
    if (trigger.revision !== revision) running.health.sayAgain();
  }

  #health(trigger: WatchedTrigger): WatchHealth {
    return new WatchHealth((condition, reason) =>
      this.#options.statuses.report(this.#running.get(trigger.id)?.trigger ?? trigger, condition, reason),
    );
  }

  /** Another of the same trigger begins only when this one has ended: one object is told of by one watcher at a time. */
  #end(id: string): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id);
    const ended = running.watcher.stop().then(() => {
      this.#ending.delete(id);
      this.#isPruned = false;
      this.lookAgain();
    });
    this.#ending.set(id, ended);
  }

  #watcher(trigger: KubernetesWatchTrigger, journal: Journal, health: WatchHealth): Watcher {
    const { cluster, store, clock, logger, random, maxObjects } = this.#options;
    const { id } = trigger;
    return new Watcher({
      ...{ journal, health, cluster, store, clock, logger, random, maxObjects },
      triggerId: id,
      selection: selectionOf(trigger),
      tell: (event, count) => this.#tell(trigger, event, count),
      maxBytes: () => Math.max(minShareBytes, this.#options.maxBytes / Math.max(1, this.#running.size)),
    });
  }

  async #tell(trigger: KubernetesWatchTrigger, event: WatchEvent, count: number): Promise<Attempt | undefined> {
    const { invoker, isHeld } = this.#options;
    if (!isHeld()) return undefined;
    const { signal } = this.#calls;
    const result = await attempt(() => invoker.call(signal, eventRequest(trigger, event, count)), event);
    const isOpen = result.outcome === "FAILED" || result.outcome === "NOT_ASKED";
    return signal.aborted && isOpen ? undefined : result;
  }
}

const selectionOf = (trigger: KubernetesWatchTrigger): ObjectSelection => {
  const { apiVersion, objectKind, watchNamespace, labelSelector, fieldSelector } = trigger;
  return { apiVersion, kind: objectKind, namespace: watchNamespace, labelSelector, fieldSelector };
};

const identityOf = (trigger: KubernetesWatchTrigger): string =>
  JSON.stringify([trigger.functionId, trigger.name, selectionOf(trigger)]);
