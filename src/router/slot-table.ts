/**
 * The router's half of poolmgr/router-link.ts: which instances it may use, how full they are, and who waits.
 *
 * Guarantees: an instance never has more requests of this router than it was granted slots; a slot that comes free goes
 * to the request that has waited longest; whoever waits is answered with a slot, a refusal or the deadline; a warm
 * request is served in memory, and nothing is sent for it. Fields are read and written without an await between, so
 * there are no locks.
 */
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { newId } from "../lib/new-id.js";
import type { GrantedInstance, Hello, PoolmgrLink, Target, ToPoolmgr, ToRouter } from "../poolmgr/router-link.js";
import { keyedTarget, type KeyedTarget } from "./callee.js";
import type { Connections } from "./connections.js";
import { Preparations } from "./preparations.js";
import { Inquests } from "./inquests.js";
import { InstanceSlots, Lease, TargetSlots } from "./target-slots.js";
import { PoolmgrSession } from "./poolmgr-session.js";
import { SlotReports } from "./slot-reports.js";
import { WaitingRoom, type Wait } from "./waiting-room.js";

export interface SlotTableOptions {
  readonly link: PoolmgrLink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connect: (instance: GrantedInstance) => Connections;
  readonly maxWaitingPerFunction: number;
}

type SuspectReason = Extract<ToPoolmgr, { type: "SUSPECT" }>["reason"];

/** Requests that are under way in an instance that is gone get this long to read what it had sent. */
const goneGraceMs = 1_000;
/** A suspect of which poolmgr says nothing, because it lives, is tried again after this. */
const suspicionMs = 2_000;
/** User code may take a moment to let go of what the router counts as over already, a WebSocket for one. */
const blockedMs = 5_000;

const isBeingStopped = (): AppError => new AppError("CLUSTER_UNAVAILABLE", "The router is being stopped.");

export class SlotTable {
  readonly #id = newId();
  readonly #targets = new Map<string, TargetSlots>();
  readonly #instances = new Map<string, InstanceSlots>();
  readonly #session: PoolmgrSession;
  readonly #reports: SlotReports;
  readonly #room: WaitingRoom;
  readonly #preparations: Preparations;
  readonly #inquests: Inquests;
  readonly #giveBack = (slots: InstanceSlots): void => this.#release(slots);
  #isStopped = false;

  constructor(private readonly options: SlotTableOptions) {
    const { link, clock, logger } = options;
    this.#session = new PoolmgrSession(link, clock, logger, {
      hello: () => this.#hello(),
      onMessage: (message) => this.#receive(message),
    });
    this.#reports = new SlotReports(clock, (message) => this.#session.send(message));
    this.#inquests = new Inquests(clock);
    this.#preparations = new Preparations(clock, options.connect);
    this.#room = new WaitingRoom({
      maxPerFunction: options.maxWaitingPerFunction,
      clock,
      isServed: () => this.#session.isOpen,
      loadingMs: ({ target }) => this.#preparations.loadingMs(target.key),
      onChange: (slots) => this.#demandChanged(slots),
    });
  }

  start(): void {
    this.#session.start();
  }

  /** Refuses whoever waits or comes yet, and cuts every connection. */
  stop(): void {
    this.#isStopped = true;
    for (const target of this.#targets.values()) this.#room.refuseAll(target, isBeingStopped());
    this.#reports.stop();
    this.#session.stop();
    this.#preparations.clear();
    // First all of them: a request whose connection is cut may look for another slot at once.
    for (const instance of this.#instances.values()) instance.state = "GONE";
    for (const instance of this.#instances.values()) instance.connections.destroy();
    this.#instances.clear();
  }

  /** Requests that wait for an instance, of all functions. */
  get waitingTotal(): number {
    return this.#room.total;
  }

  /** Waiting requests of a function, all versions together. */
  waiting(functionId: string): number {
    return this.#room.waiting(functionId);
  }

  /** A free slot now, or undefined. */
  tryAcquire(target: KeyedTarget): Lease | undefined {
    const slots = this.#targets.get(target.key);
    const instance = slots?.pick();
    return instance && this.#lease(instance, false);
  }

  /**
   * Gets in line for a slot. Throws QUEUE_FULL where the line is too long already, but for who had a slot in vain and says
   * when it arrived: that one gets its place back. Throws CLUSTER_UNAVAILABLE once it is stopped.
   */
  wait(target: KeyedTarget, timeoutMs: number, arrivedMs?: number): Wait {
    if (this.#isStopped) throw isBeingStopped();
    const slots = this.#targetSlots(target);
    try {
      return this.#room.enter(slots, timeoutMs, arrivedMs);
    } finally {
      this.#forgetIfUnused(slots);
    }
  }

  /**
   * Tells poolmgr that something is wrong with an instance. It gets no new request until poolmgr has looked, but for
   * CRASHED: if only one connection broke the instance is as good as before, and if not, the next dial shows it.
   */
  suspect(instance: InstanceSlots, reason: SuspectReason): void {
    this.#session.send({ type: "SUSPECT", instanceId: instance.granted.id, reason });
    instance.isStuck ||= reason === "TIMED_OUT";
    if (reason !== "CRASHED") this.#pause(instance, reason === "TIMED_OUT" ? null : suspicionMs);
  }

  /** The instance has answered: poolmgr is told so of its first answer. */
  answered(instance: InstanceSlots): void {
    if (instance.hasAnswered) return;
    instance.hasAnswered = true;
    this.#session.send({ type: "ANSWERED", instanceId: instance.granted.id });
  }

  /** What a suspect did, as in "exited with code 1"; undefined where that is not known in a moment. */
  whyLost(instanceId: string): Promise<string | undefined> {
    return this.#inquests.why(instanceId);
  }

  /**
   * The instance said that it is busy; it is left alone for a while. Where it says so on and on with nothing in it,
   * something holds its slots that will not give them back: poolmgr is told.
   */
  refused(instance: InstanceSlots, holdMs: number): void {
    const nowMs = this.options.clock.monotonicMs();
    instance.refusals++;
    if (instance.inFlight > instance.refusals) instance.blockedSinceMs = undefined;
    else instance.blockedSinceMs ??= nowMs;
    if (nowMs - (instance.blockedSinceMs ?? nowMs) >= blockedMs)
      this.#session.send({ type: "BLOCKED", instanceId: instance.granted.id });
    this.#pause(instance, holdMs);
  }

  /** Sends no new request there for a while; with null never again. */
  #pause(instance: InstanceSlots, ms: number | null): void {
    if (instance.state !== "ACTIVE" && instance.state !== "PAUSED") return;
    instance.state = "PAUSED";
    instance.pause?.stop();
    instance.pause = ms === null ? undefined : this.options.clock.after(ms, () => this.#resume(instance));
  }

  #resume(instance: InstanceSlots): void {
    if (instance.state === "PAUSED") this.#activate(instance, false);
  }

  #lease(instance: InstanceSlots, coldStart: boolean): Lease {
    instance.inFlight++;
    instance.target.inFlight++;
    this.#usageChanged(instance);
    return new Lease(instance, coldStart, this.#giveBack);
  }

  #release(instance: InstanceSlots): void {
    const { target } = instance;
    // Poolmgr waits for the next slot that comes free, be it another one than it has called back.
    if (target.owing.size > 0) this.#reports.usageAwaited(instance);
    instance.inFlight--;
    target.inFlight--;
    if (target.owing.size > 0) instance.noteOwed();
    this.#usageChanged(instance);
    if (instance.inFlight === 0 && instance.state === "WITHDRAWN") this.#giveUp(instance);
    target.list(instance);
    this.#serveWaiters(target, false);
    this.#forgetIfUnused(target);
  }

  #serveWaiters(target: TargetSlots, coldStart: boolean): void {
    for (let waiter = target.nextWaiter(); waiter !== undefined; waiter = target.nextWaiter()) {
      const instance = target.pick();
      if (instance === undefined) return;
      this.#room.leave(target, waiter);
      waiter.give(this.#lease(instance, coldStart));
    }
  }

  #hello(): Hello {
    const holdings = [...this.#instances.values()].map((instance) => instance.holding);
    return { type: "HELLO", routerId: this.#id, holdings };
  }

  #receive(message: ToRouter): void {
    switch (message.type) {
      case "SNAPSHOT":
        return this.#snapshot(message.instances);
      case "PREPARE":
        return this.#prepare(message.instance);
      case "GRANT":
        return this.#grant(message.instance);
      case "WITHDRAW":
        return this.#withdraw(message.instanceId);
      case "GONE":
        this.#inquests.tell(message.instanceId, message.why);
        return this.#gone(message.instanceId);
      case "REFUSE":
        return this.#refuse(message.target, message);
      default:
        return message satisfies never;
    }
  }

  /** What is not in it is withdrawn rather than dead: requests in flight there may well end properly. */
  #snapshot(granted: readonly GrantedInstance[]): void {
    this.#preparations.clear();
    const ids = new Set(granted.map(({ id }) => id));
    for (const id of [...this.#instances.keys()]) if (!ids.has(id)) this.#withdraw(id);
    for (const instance of granted) this.#grant(instance);
    for (const instance of this.#instances.values()) {
      instance.hasAnswered = false;
      if (instance.inFlight > 0) this.#reports.usageChanged(instance);
    }
    for (const target of this.#targets.values()) this.#demandChanged(target);
  }

  /** A connection for each request that may go there at once. */
  #prepare(instance: GrantedInstance): void {
    const waiting = this.#targets.get(keyedTarget(instance.functionId, instance.version).key)?.waiters.size ?? 0;
    this.#preparations.prepare(instance, Math.min(waiting, instance.slots));
  }

  #grant(granted: GrantedInstance): void {
    const known = this.#instances.get(granted.id);
    if (known?.granted.address === granted.address && known.granted.key === granted.key) {
      const isMore = granted.slots > known.granted.slots;
      known.granted = granted;
      known.noteOwed();
      if (isMore) this.#reports.usageChanged(known);
      else this.#reports.usageAwaited(known);
      // Poolmgr can't have heard yet that it is stuck, or never did, where the stream broke.
      if (known.isStuck) this.suspect(known, "TIMED_OUT");
      else this.#activate(known, false);
      return;
    }
    if (known !== undefined) this.#gone(granted.id);
    const target = this.#targetSlots(keyedTarget(granted.functionId, granted.version));
    const nowMs = this.options.clock.monotonicMs();
    const instance = new InstanceSlots(granted, target, this.#preparations.take(granted), nowMs);
    this.#instances.set(granted.id, instance);
    target.instances.add(instance);
    this.#activate(instance, true);
  }

  #activate(instance: InstanceSlots, isNew: boolean): void {
    instance.state = "ACTIVE";
    instance.pause?.stop();
    instance.target.list(instance);
    this.#serveWaiters(instance.target, isNew);
  }

  #withdraw(instanceId: string): void {
    const instance = this.#instances.get(instanceId);
    if (instance === undefined) return this.#session.send({ type: "RELEASED", instanceId });
    instance.state = "WITHDRAWN";
    if (instance.inFlight === 0) this.#giveUp(instance);
  }

  /** The instance was withdrawn and is now empty here. */
  #giveUp(instance: InstanceSlots): void {
    this.#remove(instance);
    instance.connections.close(0);
    this.#session.send({ type: "RELEASED", instanceId: instance.granted.id });
  }

  #gone(instanceId: string): void {
    this.#preparations.drop(instanceId);
    const instance = this.#instances.get(instanceId);
    if (instance === undefined) return;
    instance.state = "GONE";
    this.#remove(instance);
    instance.connections.close(goneGraceMs);
    if (instance.tunnels.size === 0) return;
    this.options.clock.after(goneGraceMs, () => instance.tunnels.forEach((tunnel) => tunnel.lose()));
  }

  #remove(instance: InstanceSlots): void {
    this.#instances.delete(instance.granted.id);
    instance.target.instances.delete(instance);
    instance.target.owing.delete(instance);
    this.#forgetIfUnused(instance.target);
  }

  #refuse({ functionId, version }: Target, why: Extract<ToRouter, { type: "REFUSE" }>): void {
    const target = this.#targets.get(keyedTarget(functionId, version).key);
    if (target === undefined) return;
    const { code, message, retryAfterSeconds } = why;
    const error = new AppError(code, message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
    this.#room.refuseAll(target, error);
  }

  #targetSlots(target: KeyedTarget): TargetSlots {
    let slots = this.#targets.get(target.key);
    if (slots === undefined) this.#targets.set(target.key, (slots = new TargetSlots(target)));
    return slots;
  }

  #forgetIfUnused(target: TargetSlots): void {
    if (target.isUnused) this.#targets.delete(target.target.key);
  }

  #usageChanged(instance: InstanceSlots): void {
    instance.lastUsedMs = this.options.clock.monotonicMs();
    this.#reports.usageChanged(instance);
    if (instance.target.waiters.size > 0 || instance.target.isAnnounced) this.#demandChanged(instance.target);
  }

  #demandChanged(target: TargetSlots): void {
    this.#reports.demandChanged(target, () => this.#forgetIfUnused(target));
  }
}
