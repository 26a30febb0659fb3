/** The router's count of slots: instances that were granted, the functions they serve, and who waits for them. */
import { AppError } from "../errors/app-error.js";
import type { GrantedInstance, Holding } from "../poolmgr/router-link.js";
import type { KeyedTarget } from "./callee.js";
import type { Connections } from "./connections.js";

/**
 * ACTIVE takes requests. PAUSED takes none for now: it can't be reached, is stuck, or said that it is busy. WITHDRAWN takes
 * none any more and is given back when its last request has ended. GONE takes none either: it is dead, or the router stops.
 */
export type GrantState = "ACTIVE" | "PAUSED" | "WITHDRAWN" | "GONE";

/** One granted instance and how many requests this router has in it. */
export class InstanceSlots {
  state: GrantState = "ACTIVE";
  /** Ends a pause that ends by itself. */
  pause: { stop(): void } | undefined;
  /** A request ran into its time limit there. */
  isStuck = false;
  inFlight = 0;
  /** Slots that are held because it said it is busy: no request of this router is behind them. */
  refusals = 0;
  /** Since when it has refused all that was sent while no request of this router was in it. */
  blockedSinceMs: number | undefined;
  /** Poolmgr knows that it has answered a request. */
  hasAnswered = false;
  /** In the target's list of instances with room. */
  isListed = false;
  /** Its usage has changed since it was last told. */
  isUsageDirty = false;
  lastUsedMs: number;
  /** What is open in it over connections of its own, and is to be told when it is gone. */
  readonly tunnels = new Set<{ lose(): void }>();

  constructor(
    public granted: GrantedInstance,
    readonly target: TargetSlots,
    readonly connections: Connections,
    nowMs: number,
  ) {
    this.lastUsedMs = nowMs;
  }

  /** As poolmgr is told of it on a new stream. */
  get holding(): Holding {
    const { granted, inFlight, state } = this;
    return { instanceId: granted.id, slots: state === "WITHDRAWN" ? 0 : granted.slots, inFlight };
  }

  /** To be called when slots have become fewer, or a request beyond them has ended. */
  noteOwed(): void {
    if (this.inFlight > this.granted.slots) this.target.owing.add(this);
    else this.target.owing.delete(this);
  }

  get hasRoom(): boolean {
    return this.state === "ACTIVE" && this.inFlight < this.granted.slots;
  }
}

/** One slot of one instance, held for one request. */
export class Lease {
  #isReleased = false;

  constructor(
    readonly slots: InstanceSlots,
    /** The request waited until this instance was specialized. */
    readonly coldStart: boolean,
    private readonly giveBack: (slots: InstanceSlots) => void,
  ) {}

  get instance(): GrantedInstance {
    return this.slots.granted;
  }

  release(): void {
    if (this.#isReleased) throw new AppError("INTERNAL", "A slot was released twice.");
    this.#isReleased = true;
    this.giveBack(this.slots);
  }
}

/** A request that waits for a slot. */
export interface Waiter {
  readonly arrivedMs: number;
  give(lease: Lease): void;
  refuse(error: AppError): void;
}

/** All that is known of one version of one function: its instances here, and who waits for one, oldest first. */
export class TargetSlots {
  readonly waiters = new Set<Waiter>();
  readonly instances = new Set<InstanceSlots>();
  inFlight = 0;
  /** Instances with more in flight than was left to this router: poolmgr waits for slots. */
  readonly owing = new Set<InstanceSlots>();
  /** Poolmgr was told of a demand above none. */
  isAnnounced = false;
  isDemandDirty = false;
  /** Instances that may have room; the last one is tried first. Entries that have none any more are dropped when met. */
  readonly #listed: InstanceSlots[] = [];

  constructor(readonly target: KeyedTarget) {}

  /**
   * The instance whose slot came free last, and it again until it is full: so few are kept busy and the others can go
   * idle. Undefined when no slot is free.
   */
  pick(): InstanceSlots | undefined {
    for (;;) {
      const top = this.#listed.at(-1);
      if (top === undefined || top.hasRoom) return top;
      top.isListed = false;
      this.#listed.pop();
    }
  }

  /** To be called whenever the instance may have got room. */
  list(instance: InstanceSlots): void {
    if (instance.isListed || !instance.hasRoom) return;
    instance.isListed = true;
    this.#listed.push(instance);
  }

  /** Behind those that came before it. */
  enqueue(waiter: Waiter): void {
    const later = [...this.waiters].filter(({ arrivedMs }) => arrivedMs > waiter.arrivedMs);
    for (const other of later) this.waiters.delete(other);
    for (const each of [waiter, ...later]) this.waiters.add(each);
  }

  nextWaiter(): Waiter | undefined {
    const { value } = this.waiters.values().next();
    return value;
  }

  get isUnused(): boolean {
    return this.instances.size === 0 && this.waiters.size === 0 && this.inFlight === 0 && !this.isDemandDirty;
  }
}
