import type { FunctionSpec } from "../model/function.js";
import type { Launch } from "./launch.js";
import { LaunchGate } from "./launch-gate.js";
import type { Member } from "./member.js";
import type { CheckedFunction } from "./plan-check.js";
import type { GrantingRouter } from "./plan-grants.js";
import type { ScaledFunction, ScaledInstance, VersionDemand } from "./plan-scaling.js";

/** All that the pool manager knows of one function, and the views of it that decisions are made on. */
export class FunctionState {
  /** Undefined: not loaded yet, or deleted. */
  spec: FunctionSpec | undefined;
  currentSinceMs = -Infinity;
  readonly launches = new Set<Launch>();
  readonly members = new Set<Member>();
  /** By version, then router, as that router last said. */
  readonly demands = new Map<number, Map<string, VersionDemand>>();
  /** Versions of which routers were asked what they have in flight, until it was looked at with all their answers. */
  readonly inquired = new Set<number>();
  /** By version: since when it lacks instances that there is no room for. */
  readonly lackingSinceMs = new Map<number, number>();
  readonly #gates = new Map<number, LaunchGate>();
  /** Set while a look at this function is due. */
  wake: { stop(): void } | undefined;

  constructor(readonly id: string) {}

  gate(version: number): LaunchGate {
    const known = this.#gates.get(version);
    if (known !== undefined) return known;
    const gate = new LaunchGate();
    this.#gates.set(version, gate);
    return gate;
  }

  /** Instances from claim to end. */
  get holding(): number {
    return this.launches.size + this.members.size;
  }

  launching(version: number): number {
    let count = 0;
    for (const launch of this.launches) if (launch.version === version) count++;
    return count;
  }

  versionsOnTheirWay(): Set<number> {
    return new Set([...this.launches].map(({ version }) => version));
  }

  ready(version: number): Member[] {
    return [...this.members].filter(({ state, facts }) => state === "READY" && facts.version === version);
  }

  setDemand(version: number, routerId: string, demand: VersionDemand): void {
    const byRouter = this.demands.get(version) ?? new Map<string, VersionDemand>();
    byRouter.set(routerId, demand);
    this.demands.set(version, byRouter);
  }

  /** The router was given slots that nobody uses: as many of its waiters begin, which it is about to say itself. */
  expectServed(version: number, routerId: string, slots: number): void {
    const said = this.demands.get(version)?.get(routerId);
    const served = Math.min(said?.waiting ?? 0, slots);
    if (said === undefined || served <= 0) return;
    this.setDemand(version, routerId, { inFlight: said.inFlight + served, waiting: said.waiting - served });
  }

  /** Some router was asked what it has in flight and has not said so yet. */
  isAsking(version: number): boolean {
    return this.ready(version).some(({ ledger }) =>
      [...ledger.shares.values()].some(({ askedAt }) => askedAt !== undefined),
    );
  }

  /** The router's stream is lost: what it has in flight can't be asked. Whether it was being asked. */
  askNoMore(routerId: string): boolean {
    return [...this.members].filter(({ ledger }) => ledger.askNoMore(routerId)).length > 0;
  }

  dropRouter(routerId: string): void {
    for (const byRouter of this.demands.values()) byRouter.delete(routerId);
    for (const { ledger } of this.members) ledger.release(routerId);
    for (const { preparedFor } of this.launches) preparedFor.delete(routerId);
  }

  /** Routers whose requests of this version wait. */
  waitingRouters(version: number): string[] {
    return [...(this.demands.get(version) ?? [])].filter(([, { waiting }]) => waiting > 0).map(([id]) => id);
  }

  /** `isSure`: without what routers are being asked for, which may have ended. */
  demand(version: number, isSure = false): VersionDemand {
    const total = { inFlight: 0, waiting: 0 };
    for (const routerId of this.demands.get(version)?.keys() ?? []) {
      const { inFlight, waiting } = this.#demandOf(version, routerId, isSure);
      total.inFlight += inFlight;
      total.waiting += waiting;
    }
    return total;
  }

  asGranting(version: number, routerIds: Iterable<string>): GrantingRouter[] {
    return [...routerIds].map((id) => {
      const { inFlight, waiting } = this.#demandOf(version, id);
      return { id, demand: inFlight + waiting, isWaiting: waiting > 0 };
    });
  }

  asScaled(nowMs: number, isOutdated: (member: Member) => boolean, isSure = false): ScaledFunction {
    const launching = [...this.launches].map(({ version, slots }): ScaledInstance => ({
      ...{ id: "", version, state: "SPECIALIZING", slots },
      ...{ inFlight: 0, idleMs: 0, ageMs: 0, isOutdated: false },
    }));
    const members = [...this.members].map((member): ScaledInstance => ({
      ...{ id: member.id, version: member.facts.version, state: member.state, slots: member.ledger.total },
      ...{ inFlight: member.ledger.inFlight, idleMs: member.idleMs(nowMs), ageMs: nowMs - member.facts.readyAtMs },
      isOutdated: isOutdated(member),
    }));
    return {
      spec: this.spec,
      currentForMs: nowMs - this.currentSinceMs,
      demands: new Map([...this.demands.keys()].map((version) => [version, this.demand(version, isSure)])),
      instances: [...launching, ...members],
    };
  }

  /** Undefined where it is to keep no instances. */
  asChecked(): CheckedFunction | undefined {
    if (this.spec === undefined || this.spec.settings.minInstances === 0) return undefined;
    const { namespace, name, currentVersionNumber: version, settings } = this.spec;
    const serving = this.ready(version).length + this.launching(version);
    const isBroken = !this.gate(version).mayLaunchUnasked;
    return { namespace, name, minInstances: settings.minInstances, serving, isBroken };
  }

  /** It lacks nothing and has nothing on its way: nobody waits, every slot is some router's, and `minInstances` are there. */
  get isContent(): boolean {
    if (this.launches.size > 0) return false;
    for (const { state, ledger } of this.members) if (state !== "READY" || !ledger.isDealtOut) return false;
    for (const byRouter of this.demands.values())
      for (const { waiting } of byRouter.values()) if (waiting > 0) return false;
    return this.holding >= (this.spec?.settings.minInstances ?? 0);
  }

  /** Nothing is left of it that anybody asks for. */
  get isForgettable(): boolean {
    return this.spec === undefined && this.holding === 0 && [...this.demands.keys()].every((v) => this.#isQuiet(v));
  }

  /** Forgets what was remembered of versions that nobody uses any more. */
  forgetQuietVersions(): void {
    const used = new Set([...this.members].map(({ facts }) => facts.version));
    if (this.spec !== undefined) used.add(this.spec.currentVersionNumber);
    for (const version of [...this.demands.keys()]) {
      if (!used.has(version) && this.launching(version) === 0 && this.#isQuiet(version)) this.demands.delete(version);
    }
    for (const version of [...this.#gates.keys()]) {
      if (!used.has(version) && !this.demands.has(version)) this.#gates.delete(version);
    }
  }

  #isQuiet(version: number): boolean {
    return this.waitingRouters(version).length === 0;
  }

  /**
   * A router's `inFlight` may count requests in instances that drain, which take no new ones; a router that is not
   * waiting says nothing when its requests end. What it reports of each instance corrects both, a moment later; and it
   * has no more in instances that serve than it was granted there.
   */
  #demandOf(version: number, routerId: string, isSure = false): VersionDemand {
    const { serving, draining, told } = this.#usageOf(version, routerId, isSure);
    const said = this.demands.get(version)?.get(routerId);
    if (said === undefined || said.waiting === 0) return { inFlight: serving, waiting: 0 };
    return { inFlight: Math.max(serving, Math.min(said.inFlight - draining, told)), waiting: said.waiting };
  }

  /** What one router has in flight, and was granted, in the version's instances. */
  #usageOf(version: number, routerId: string, isSure: boolean): { serving: number; draining: number; told: number } {
    const usage = { serving: 0, draining: 0, told: 0 };
    for (const { facts, state, ledger } of this.members) {
      const share = facts.version === version ? ledger.shares.get(routerId) : undefined;
      if (share === undefined) continue;
      const isCounted = !isSure || share.askedAt === undefined;
      if (isCounted) usage[state === "READY" ? "serving" : "draining"] += share.inFlight;
      if (state === "READY") usage.told += share.told;
    }
    return usage;
  }
}
