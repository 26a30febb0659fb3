import { errorCodes, type ErrorCode } from "../errors/codes.js";
import type { FunctionState } from "./function-state.js";
import type { Member } from "./member.js";
import { planGrants } from "./plan-grants.js";
import type { PoolmgrHub } from "./poolmgr-hub.js";
import type { GrantedInstance, Holding } from "./router-link.js";

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  /** Told to callers only where another try makes sense. */
  readonly retryAfterMs: number;
}

/** What the connected routers are told: slots they get and give back, instances that go, refusals. */
export class RouterRegistry {
  readonly #routers = new Set<string>();

  constructor(private readonly hub: Pick<PoolmgrHub, "send" | "nextNumber">) {}

  /** What the router may use, for its snapshot: what stands of what it has, and what is free of these functions. */
  join(
    routerId: string,
    claims: readonly (readonly [Member, Holding])[],
    functions: Iterable<FunctionState>,
    turn: number,
  ): GrantedInstance[] {
    this.#routers.add(routerId);
    const snapshot = new Map<string, GrantedInstance>();
    for (const [member, holding] of claims) {
      const slots = member.ledger.claim(routerId, holding, this.hub.nextNumber(routerId));
      if (member.state === "READY") snapshot.set(member.id, member.granted(slots));
      else member.ledger.withdraw(routerId);
    }
    for (const fn of functions) {
      for (const version of new Set([...fn.members].map(({ facts }) => facts.version))) {
        this.grant(fn, version, turn, { routerId, snapshot });
      }
    }
    return [...snapshot.values()];
  }

  /** It is granted nothing more, and keeps what it has. */
  leave(routerId: string): void {
    this.#routers.delete(routerId);
  }

  areAllAmong(routerIds: ReadonlySet<string>): boolean {
    return [...this.#routers].every((id) => routerIds.has(id));
  }

  /** Hands out free slots of the version, and calls back what others need more. */
  grant(
    fn: FunctionState,
    version: number,
    turn: number,
    joining?: { readonly routerId: string; readonly snapshot: Map<string, GrantedInstance> },
  ): void {
    const ready = fn.ready(version).filter(({ isReserved }) => !isReserved);
    const isContended = this.#routers.size > 1 && fn.waitingRouters(version).length > 0;
    if (!isContended && ready.every(({ ledger }) => ledger.isDealtOut)) return;
    const byId = new Map(ready.map((member) => [member.id, member]));
    const instances = ready.map(({ id, ledger }) => ({ id, total: Math.max(0, ledger.total), shares: ledger.shares }));
    for (const { instanceId, routerId, slots } of planGrants(instances, fn.asGranting(version, this.#routers), turn)) {
      const member = byId.get(instanceId);
      if (member === undefined) continue;
      const number = this.hub.nextNumber(routerId);
      fn.expectServed(version, routerId, slots - (member.ledger.shares.get(routerId)?.held ?? 0));
      member.ledger.tell(routerId, slots, number);
      if (joining?.routerId === routerId) joining.snapshot.set(member.id, member.granted(slots));
      else this.hub.send(routerId, { type: "GRANT", instance: member.granted(slots) });
    }
  }

  /**
   * Before instances are started for who waits: asks the routers that do not wait what they have in flight, where what they
   * said may be out of date, by granting them what they have. Whether one was asked. When all have answered the next call
   * asks nobody: however long answers take, instances are started by them.
   */
  inquire(fn: FunctionState, version: number, nowMs: number): boolean {
    if (this.#routers.size < 2) return false;
    if (fn.isAsking(version) || fn.inquired.delete(version)) return false;
    const shares = fn
      .ready(version)
      .flatMap((member) => [...member.ledger.shares].map(([routerId, share]) => ({ member, routerId, share })));
    const waiting = new Set(fn.waitingRouters(version));
    const stale = shares.filter(
      ({ member, routerId }) =>
        !waiting.has(routerId) && this.#routers.has(routerId) && member.ledger.isStale(routerId, nowMs),
    );
    for (const { member, routerId, share } of stale) {
      member.ledger.ask(routerId, this.hub.nextNumber(routerId));
      this.hub.send(routerId, { type: "GRANT", instance: member.granted(share.told) });
    }
    if (stale.length > 0) fn.inquired.add(version);
    return stale.length > 0;
  }

  /** An instance is on its way for those that wait: who does not know it yet is told. */
  prepare(fn: FunctionState, instance: GrantedInstance, known: Set<string>): void {
    for (const routerId of fn.waitingRouters(instance.version)) {
      if (known.has(routerId) || !this.#routers.has(routerId)) continue;
      known.add(routerId);
      this.hub.send(routerId, { type: "PREPARE", instance });
    }
  }

  /** It serves: those that knew of it on its way, and were granted nothing of it, are told that. */
  arrived(member: Member, known: ReadonlySet<string>): void {
    for (const routerId of known) {
      if (!this.#routers.has(routerId) || member.ledger.shares.has(routerId)) continue;
      if (member.state !== "READY") {
        this.hub.send(routerId, { type: "GONE", instanceId: member.id });
        continue;
      }
      member.ledger.tell(routerId, 0, this.hub.nextNumber(routerId));
      this.hub.send(routerId, { type: "GRANT", instance: member.granted(0) });
    }
  }

  /** It will never serve. */
  failed(instanceId: string, known: ReadonlySet<string>): void {
    for (const routerId of known) {
      if (this.#routers.has(routerId)) this.hub.send(routerId, { type: "GONE", instanceId });
    }
  }

  /** From everybody who has slots of it. */
  withdraw(member: Member): void {
    for (const [routerId, { isWithdrawn }] of member.ledger.shares) {
      if (isWithdrawn) continue;
      member.ledger.withdraw(routerId);
      this.hub.send(routerId, { type: "WITHDRAW", instanceId: member.id });
    }
  }

  /** `why` is what the instance did, where that is known. */
  gone(member: Member, why: string | undefined): void {
    const concerned = new Set([...member.ledger.holders, ...member.suspectedBy]);
    for (const routerId of concerned) {
      if (!this.#routers.has(routerId)) continue;
      this.hub.send(routerId, { type: "GONE", instanceId: member.id, ...(why !== undefined && { why }) });
    }
  }

  /** Answers every waiter of the version, so nobody is counted as waiting from here on. */
  refuse(fn: FunctionState, version: number, { code, message, retryAfterMs }: Refusal): void {
    const retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
    // Nothing was run, so code that does not load may be tried again, if to little hope.
    const isForRetry = errorCodes[code].isRetryable || code === "LOAD_FAILED";
    const retry = isForRetry ? { retryAfterSeconds } : {};
    for (const routerId of fn.waitingRouters(version)) {
      fn.setDemand(version, routerId, { inFlight: 0, waiting: 0 });
      const target = { functionId: fn.id, version };
      this.hub.send(routerId, { type: "REFUSE", target, code, message, ...retry });
    }
  }
}
