import type { AppError } from "../errors/app-error.js";
import type { InstanceSlots, Lease } from "./instance-slots.js";
import type { KeyedTarget } from "./callee.js";

/** A request that waits for a slot. */
export interface Waiter {
  give(lease: Lease): void;
  refuse(error: AppError): void;
}

/** All that is known of one version of one function: its instances here, and who waits for one, oldest first. */
export class TargetSlots {
  readonly waiters = new Set<Waiter>();
  readonly instances = new Set<InstanceSlots>();
  inFlight = 0;
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

  nextWaiter(): Waiter | undefined {
    const { value } = this.waiters.values().next();
    return value;
  }

  get isUnused(): boolean {
    return this.instances.size === 0 && this.waiters.size === 0 && this.inFlight === 0 && !this.isDemandDirty;
  }
}
