import type { Clock } from "../lib/clock.js";
import type { SerialQueue } from "../lib/serial-queue.js";
import type { Fleet } from "./fleet.js";
import type { FunctionState } from "./function-state.js";
import type { Failure } from "./launch-gate.js";
import type { Member } from "./member.js";
import type { EventListener } from "./pool-event.js";
import type { RouterDesk, RouterWord } from "./poolmgr-hub.js";
import type { Retirer } from "./retirer.js";
import type { GrantedInstance, Holding, InstanceUsage } from "./router-link.js";
import type { RouterRegistry } from "./router-registry.js";
import type { Scaler } from "./scaler.js";

export interface FrontDeskPorts {
  readonly clock: Clock;
  readonly queue: SerialQueue;
  readonly fleet: Fleet;
  readonly routers: RouterRegistry;
  readonly scaler: Scaler;
  readonly retirer: Retirer;
  readonly onEvent: EventListener;
  /** Whether an instance takes connections, as seen from here. */
  readonly reaches: (address: string) => Promise<boolean>;
  /** Requests wait for a function that is not known here (yet, or any more). */
  readonly onUnknown: (fn: FunctionState) => void;
  /** Requests wait for a version of which instances may be on their way. */
  readonly onAwaited: (fn: FunctionState, version: number) => void;
  /** The instance failed a router: counts against its version. */
  readonly onSuspect: (member: Member) => void;
}

/**
 * How long a router keeps a slot that others wait for, where there are fewer slots than routers: much longer than the recall
 * takes that ends it, and short for a caller who waits for it. As often as routers report.
 */
const slotTurnMs = 200;

const outOfReach: Failure = { code: "CLUSTER_UNAVAILABLE", message: "No router can reach the function's instances." };

type Said<Type extends RouterWord["type"]> = Extract<RouterWord, { type: Type }>;

/** Takes in what routers say. */
export class FrontDesk implements RouterDesk {
  constructor(private readonly ports: FrontDeskPorts) {}

  joined(routerId: string, holdings: readonly Holding[]): readonly GrantedInstance[] {
    const { fleet, routers, clock } = this.ports;
    for (const fn of fleet.functions.values()) fn.dropRouter(routerId);
    const claims = holdings.flatMap((holding): [Member, Holding][] => {
      const member = fleet.member(holding.instanceId);
      return member === undefined ? [] : [[member, holding]];
    });
    for (const [member, { inFlight }] of claims) {
      if (inFlight > 0) member.usedAt(clock.now(), clock.monotonicMs());
    }
    return routers.join(routerId, claims, fleet.functions.values(), this.#turn);
  }

  received(routerId: string, message: RouterWord, seen: number): void {
    switch (message.type) {
      case "DEMAND": {
        this.#demand(routerId, message);
        return;
      }
      case "USAGE": {
        this.#usage(routerId, message.instances, seen);
        return;
      }
      case "RELEASED": {
        this.#released(routerId, message.instanceId);
        return;
      }
      case "SUSPECT": {
        this.#suspect(routerId, message);
        return;
      }
      case "ANSWERED": {
        this.#answered(message);
        return;
      }
      case "BLOCKED": {
        this.#blocked(message);
        return;
      }
      default:
        return message satisfies never;
    }
  }

  lost(routerId: string): void {
    const { routers, fleet, scaler } = this.ports;
    routers.leave(routerId);
    for (const fn of fleet.functions.values()) if (fn.askNoMore(routerId)) scaler.look(fn);
  }

  /** All it held is free, and nobody of it waits any more. */
  left(routerId: string): void {
    this.ports.routers.leave(routerId);
    for (const fn of this.ports.fleet.functions.values()) {
      fn.dropRouter(routerId);
      for (const member of fn.members) this.ports.retirer.endIfDrained(member);
      this.settle(fn);
    }
  }

  /** Hands out what is free and looks what is still missing. */
  settle(fn: FunctionState): void {
    const versions = new Set([...fn.members].map(({ facts }) => facts.version));
    for (const version of versions) this.ports.routers.grant(fn, version, this.#turn);
    this.ports.scaler.look(fn);
  }

  #demand(routerId: string, { target, inFlight, waiting }: Said<"DEMAND">): void {
    const { fleet, routers, scaler, onUnknown, onAwaited } = this.ports;
    const fn = fleet.function(target.functionId);
    fn.setDemand(target.version, routerId, { inFlight, waiting });
    if (waiting > 0 && fn.spec === undefined) {
      onUnknown(fn);
      return;
    }
    routers.grant(fn, target.version, this.#turn);
    if (waiting > 0) onAwaited(fn, target.version);
    scaler.look(fn);
  }

  #usage(routerId: string, usages: readonly InstanceUsage[], seen: number): void {
    const { clock, fleet } = this.ports;
    const now = clock.now().getTime();
    const concerned = new Set<FunctionState>();
    for (const { instanceId, inFlight, idleMs } of usages) {
      const member = fleet.member(instanceId);
      if (member === undefined) continue;
      member.ledger.use(routerId, inFlight, seen, clock.monotonicMs());
      const sinceMs = inFlight > 0 ? 0 : idleMs;
      member.usedAt(new Date(now - sinceMs), clock.monotonicMs() - sinceMs);
      const fn = fleet.function(member.facts.functionId);
      if (member.ledger.free > 0 || fn.waitingRouters(member.facts.version).length > 0) concerned.add(fn);
    }
    for (const fn of concerned) this.settle(fn);
    // What has just come to be idle may be in the way of another function.
    this.ports.scaler.makeRoom();
  }

  #released(routerId: string, instanceId: string): void {
    const { fleet, retirer } = this.ports;
    const member = fleet.member(instanceId);
    if (member === undefined) return;
    member.ledger.release(routerId);
    retirer.endIfDrained(member);
    this.settle(fleet.function(member.facts.functionId));
  }

  #suspect(routerId: string, { instanceId, reason }: Said<"SUSPECT">): void {
    const member = this.ports.fleet.member(instanceId);
    member?.suspectedBy.add(routerId);
    if (member === undefined || member.state === "DRAINING") return;
    if (reason === "TIMED_OUT") return this.#replace(member, "A request ran longer than the time limit");
    if (reason === "NO_CONNECTION") return this.#unreached(routerId, member);
    this.#lost(member, true);
  }

  #lost(member: Member, isReachable: boolean): void {
    const { fleet, retirer, onSuspect } = this.ports;
    onSuspect(member);
    retirer.retireSuspect(member, isReachable);
    this.settle(fleet.function(member.facts.functionId));
  }

  /** It may be the router's network that is broken, so the instance is asked itself. */
  #unreached(routerId: string, member: Member): void {
    const { queue, reaches } = this.ports;
    member.unreachedBy.add(routerId);
    if (member.isBeingTried) return;
    member.isBeingTried = true;
    void reaches(member.facts.address).then((isReachable) => queue.post(() => this.#tried(member, isReachable)));
  }

  /** What one router alone can't reach stays with the others: that router tries it again, or is refused by its own. */
  #tried(member: Member, isReachable: boolean): void {
    const { clock, fleet, routers } = this.ports;
    member.isBeingTried = false;
    if (fleet.member(member.id) !== member || member.state === "DRAINING") return;
    if (!isReachable) return this.#lost(member, false);
    if (!routers.areAllAmong(member.unreachedBy)) return;
    const { functionId, version } = member.facts;
    fleet.function(functionId).gate(version).lost(outOfReach, clock.monotonicMs());
    this.#replace(member, "It runs, but no router can reach it");
  }

  #answered({ instanceId }: Said<"ANSWERED">): void {
    const { fleet } = this.ports;
    const facts = fleet.member(instanceId)?.facts;
    if (facts !== undefined) fleet.function(facts.functionId).gate(facts.version).answered();
  }

  #blocked({ instanceId }: Said<"BLOCKED">): void {
    const member = this.ports.fleet.member(instanceId);
    if (member === undefined || member.state === "DRAINING") return;
    this.#replace(member, "It took no request for seconds, although none was in it");
  }

  #replace(member: Member, why: string): void {
    const { fleet, retirer, onEvent } = this.ports;
    const { functionId, version } = member.facts;
    onEvent(member.id, functionId, version, `${why}; the instance is replaced.`);
    retirer.retireStuck(member);
    this.settle(fleet.function(functionId));
  }

  get #turn(): number {
    return Math.floor(this.ports.clock.monotonicMs() / slotTurnMs);
  }
}
