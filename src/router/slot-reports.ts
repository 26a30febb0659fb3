import type { Clock } from "../lib/clock.js";
import type { ToPoolmgr } from "../poolmgr/router-link.js";
import type { InstanceSlots, TargetSlots } from "./target-slots.js";

/** Poolmgr needs to know who is idle since when, not each request. */
const usageEveryMs = 200;

/**
 * What poolmgr is told without being asked: who waits, at once, and how busy instances are, now and then. Changes
 * within one turn of the event loop are one message.
 */
export class SlotReports {
  #dirtyTargets: { readonly target: TargetSlots; readonly told: () => void }[] = [];
  #dirtyInstances: InstanceSlots[] = [];
  #usageTimer: { stop(): void } | undefined;
  #isUsageAwaited = false;

  constructor(
    private readonly clock: Clock,
    private readonly send: (message: ToPoolmgr) => void,
  ) {}

  stop(): void {
    this.#usageTimer?.stop();
    this.#usageTimer = undefined;
    this.#dirtyTargets = [];
    this.#dirtyInstances = [];
  }

  /** `told` is called when the present demand has been sent, or none was to be. */
  demandChanged(target: TargetSlots, told: () => void): void {
    if (target.isDemandDirty) return;
    target.isDemandDirty = true;
    if (this.#dirtyTargets.push({ target, told }) === 1) queueMicrotask(() => this.#sendDemands());
  }

  usageChanged(instance: InstanceSlots): void {
    if (instance.isUsageDirty) return;
    instance.isUsageDirty = true;
    this.#dirtyInstances.push(instance);
    this.#usageTimer ??= this.clock.after(usageEveryMs, () => this.#sendUsage());
  }

  /** As `usageChanged`, where poolmgr waits for it. */
  usageAwaited(instance: InstanceSlots): void {
    this.usageChanged(instance);
    if (this.#isUsageAwaited) return;
    this.#isUsageAwaited = true;
    queueMicrotask(() => this.#sendUsage());
  }

  /** Poolmgr may answer before `send` returns, so nothing of the list is read after it. */
  #sendDemands(): void {
    const changed = this.#dirtyTargets;
    this.#dirtyTargets = [];
    for (const { target, told } of changed) {
      target.isDemandDirty = false;
      const waiting = target.waiters.size;
      const isToBeSent = waiting > 0 || target.isAnnounced;
      target.isAnnounced = waiting > 0;
      const { functionId, version } = target.target;
      if (isToBeSent) {
        this.send({ type: "DEMAND", target: { functionId, version }, inFlight: target.inFlight, waiting });
      }
      told();
    }
  }

  #sendUsage(): void {
    const changed = this.#dirtyInstances;
    const nowMs = this.clock.monotonicMs();
    this.#dirtyInstances = [];
    this.#usageTimer?.stop();
    this.#usageTimer = undefined;
    this.#isUsageAwaited = false;
    if (changed.length === 0) return;
    const instances = changed.map((instance) => {
      instance.isUsageDirty = false;
      const { granted, inFlight, lastUsedMs } = instance;
      return { instanceId: granted.id, inFlight, idleMs: nowMs - lastUsedMs };
    });
    this.send({ type: "USAGE", instances });
  }
}
