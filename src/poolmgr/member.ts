import type { RuntimeContract } from "../model/environment.js";
import type { RunSettings } from "../model/function.js";
import type { GrantedInstance } from "./router-link.js";
import { SlotLedger } from "./slot-ledger.js";

/** What is fixed once an instance has been specialized. */
export interface MemberFacts {
  readonly id: string;
  readonly environmentId: string;
  readonly functionId: string;
  readonly version: number;
  readonly address: string;
  readonly contract: RuntimeContract;
  readonly key: string;
  /** Requests at a time that its runtime was told to take. */
  readonly slotsMax: number;
  /** What it was started from (instance-template.ts). */
  readonly template: string;
  readonly specializedAt: Date;
  readonly readyAtMs: number;
}

export type MemberSettings = Pick<RunSettings, "requestsPerInstance" | "timeoutSeconds">;

/** A specialized instance, from ready to gone. */
export class Member {
  state: "READY" | "DRAINING" = "READY";
  readonly ledger: SlotLedger;
  lastUsedAt: Date | null = null;
  /** The longest time limit that a request in it may have: who came before a change has that of before. */
  timeoutSeconds = 0;
  #lastUsedAtMs: number;
  /** While draining: since when, when it is ended whoever still uses it, how long it gets then, and whether it was asked to end. */
  drain = { beganMs: -Infinity, deadlineMs: Infinity, notBeforeMs: -Infinity, graceMs: 0, isAsked: false };
  /** Taken over from a pool manager before: who used it then may come back to it, so it is granted to nobody else yet. */
  isReserved = false;
  /** A router could not reach it, or lost a connection to it. */
  isSuspect = false;
  /** These have asked what is wrong with it. */
  readonly suspectedBy = new Set<string>();
  /** These could not connect to it. */
  readonly unreachedBy = new Set<string>();
  /** It is being looked whether it takes connections. */
  isBeingTried = false;

  constructor(readonly facts: MemberFacts) {
    this.ledger = new SlotLedger(facts.slotsMax);
    this.#lastUsedAtMs = facts.readyAtMs;
  }

  get id(): string {
    return this.facts.id;
  }

  /** Requests at a time: what the runtime was told, or less since the function's settings say so. */
  adopt({ requestsPerInstance, timeoutSeconds }: MemberSettings): void {
    this.ledger.total = Math.min(this.facts.slotsMax, requestsPerInstance);
    this.timeoutSeconds = Math.max(this.timeoutSeconds, timeoutSeconds);
  }

  usedAt(at: Date, atMs: number): void {
    if (atMs < this.#lastUsedAtMs) return;
    this.#lastUsedAtMs = atMs;
    this.lastUsedAt = at;
  }

  idleMs(nowMs: number): number {
    return this.ledger.inFlight > 0 ? 0 : Math.max(0, nowMs - this.#lastUsedAtMs);
  }

  /** As one router is told of it. */
  granted(slots: number): GrantedInstance {
    const { id, functionId, version, address, key, contract } = this.facts;
    return { id, functionId, version, address, key, contract, slots };
  }
}
