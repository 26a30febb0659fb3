import { AppError } from "../errors/app-error.js";
import type { GrantedInstance } from "../poolmgr/router-link.js";
import type { Connections } from "./connections.js";
import type { TargetSlots } from "./target-slots.js";

/**
 * ACTIVE takes requests. PAUSED takes none for now: it can't be reached, is stuck, or said that it is busy. WITHDRAWN takes none any more and is given
 * back when its last request has ended. GONE is dead.
 */
export type GrantState = "ACTIVE" | "PAUSED" | "WITHDRAWN" | "GONE";

/** One granted instance and how many requests this router has in it. */
export class InstanceSlots {
  state: GrantState = "ACTIVE";
  /** Ends a pause that ends by itself. */
  pause: { stop(): void } | undefined;
  inFlight = 0;
  /** In the target's list of instances with room. */
  isListed = false;
  /** Its usage has changed since it was last told. */
  isUsageDirty = false;
  lastUsedMs: number;

  constructor(
    public granted: GrantedInstance,
    readonly target: TargetSlots,
    readonly connections: Connections,
    nowMs: number,
  ) {
    this.lastUsedMs = nowMs;
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
