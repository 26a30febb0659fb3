/**
 * Which router gets which slots of one version's instances: pure. Free slots are handed out at once, to those whose
 * requests wait first, so that a warm call asks nobody; when a router's requests wait, others give back what they do not
 * use, and what they use as soon as they have done: whoever waits comes before whoever is yet to come. Routers that all
 * wait share fairly. The ledger (slot-ledger.ts) sees to it that a slot is never handed out twice.
 */
import { fairShares } from "./fair-shares.js";

/** What one router holds of one instance. */
export interface Share {
  /** Slots that the router was last told. */
  readonly told: number;
  /** Slots that it may still be using: more than `told` until it has said that it does not. */
  readonly held: number;
  readonly inFlight: number;
  /** The instance drains, and the router was told so. */
  readonly isWithdrawn: boolean;
  /** Set while the router is being asked what it has in flight. */
  readonly askedAt?: number | undefined;
}

export interface GrantableInstance {
  readonly id: string;
  readonly total: number;
  readonly shares: ReadonlyMap<string, Share>;
}

export interface GrantingRouter {
  readonly id: string;
  /** Requests in flight and waiting. */
  readonly demand: number;
  readonly isWaiting: boolean;
}

/** `slots` 0: the router is to use it no more for now. */
export interface Grant {
  readonly instanceId: string;
  readonly routerId: string;
  readonly slots: number;
}

/** `turn` grows with time: where there are fewer slots than routers that want one, they take turns. */
export function planGrants(
  instances: readonly GrantableInstance[],
  routers: readonly GrantingRouter[],
  turn: number,
): Grant[] {
  return routers.length === 0 ? [] : new Granting(instances, routers, turn).plan();
}

/** The working copy of one planning. */
class Granting {
  readonly #told = new Map<GrantableInstance, Map<string, number>>();
  readonly #lacking = new Map<string, number>();
  readonly #surplus = new Map<string, number>();

  constructor(
    private readonly instances: readonly GrantableInstance[],
    private readonly routers: readonly GrantingRouter[],
    turn: number,
  ) {
    for (const instance of instances) {
      this.#told.set(instance, new Map([...instance.shares].map(([id, { told }]) => [id, told])));
    }
    const capacity = instances.reduce((sum, { total }) => sum + total, 0);
    const claims = routers.map(({ demand, isWaiting }) => (isWaiting ? demand : 0));
    const shares = fairShares(capacity, claims, turn);
    routers.forEach(({ id, isWaiting }, index) => {
      const balance = (shares[index] ?? 0) - this.#toldTo(id);
      this.#lacking.set(id, isWaiting ? Math.max(0, balance) : 0);
      this.#surplus.set(id, Math.max(0, -balance));
    });
  }

  plan(): Grant[] {
    for (const instance of this.instances) {
      this.#shrink(instance);
      this.#handOut(instance);
    }
    this.#callBack();
    return this.instances.flatMap((instance) => this.#changes(instance));
  }

  #toldTo(routerId: string): number {
    return this.instances.reduce((sum, { shares }) => sum + (shares.get(routerId)?.told ?? 0), 0);
  }

  /** An instance whose slots have become fewer takes them from whoever has most. */
  #shrink(instance: GrantableInstance): void {
    const told = this.#toldOf(instance);
    for (let excess = sum(told.values()) - instance.total; excess > 0; excess--) {
      const [most] = [...told].sort(([, a], [, b]) => b - a);
      if (most !== undefined) told.set(most[0], most[1] - 1);
    }
  }

  #handOut(instance: GrantableInstance): void {
    const free = (): number => instance.total - this.#held(instance);
    const byNeed = [...this.routers].sort((a, b) => this.#lack(b.id) - this.#lack(a.id));
    for (const { id } of byNeed)
      this.#give(instance, id, Math.min(free() + this.#unreturned(instance, id), this.#lack(id)));
    const isAnyLacking = sum(this.#lacking.values()) > 0;
    for (const { id } of isAnyLacking ? [] : this.routers) {
      const unpromised = instance.total - sum(this.#toldOf(instance).values());
      this.#give(instance, id, Math.min(this.#unreturned(instance, id), unpromised));
    }
    this.#spread(instance, free);
  }

  /** What nobody waits for, evenly, so that whoever gets the next request has a slot for it. */
  #spread(instance: GrantableInstance, free: () => number): void {
    const byFewest = [...this.routers].sort((a, b) => this.#toldOfAll(a.id) - this.#toldOfAll(b.id));
    byFewest.forEach(({ id }, index) => {
      this.#give(instance, id, Math.ceil(free() / (byFewest.length - index)));
    });
  }

  /** What still lacks after that, less what is on its way back: what is idle comes at once, what is in use when it has ended. */
  #callBack(): void {
    const lacking = sum(this.#lacking.values());
    this.#recall(lacking - this.#returning(true), true);
    this.#recall(lacking - this.#returning(false), false);
  }

  #recall(missing: number, isOnlyIdle: boolean): void {
    const holdings = this.instances.flatMap((instance) =>
      [...this.#toldOf(instance)].map(([id, told]) => ({ instance, id, told, idle: idleOf(told, instance, id) })),
    );
    for (const { instance, id, told, idle } of holdings.sort((a, b) => b.idle - a.idle)) {
      const surplus = this.#surplus.get(id) ?? 0;
      const slots = Math.min(missing, surplus, isOnlyIdle ? idle : told);
      if (slots <= 0) continue;
      this.#toldOf(instance).set(id, told - slots);
      this.#surplus.set(id, surplus - slots);
      missing -= slots;
    }
  }

  /** Slots that routers were asked to give back; `isOnlyIdle`: but for those that wait for a request to end. */
  #returning(isOnlyIdle: boolean): number {
    const ofOne = (instance: GrantableInstance): number[] =>
      [...instance.shares].map(([id, { held, inFlight }]) => {
        const told = this.#toldOf(instance).get(id) ?? 0;
        return Math.max(0, held - (isOnlyIdle ? Math.max(told, inFlight) : told));
      });
    return sum(this.instances.flatMap(ofOne));
  }

  #give(instance: GrantableInstance, routerId: string, slots: number): void {
    if (slots <= 0) return;
    const told = this.#toldOf(instance);
    told.set(routerId, (told.get(routerId) ?? 0) + slots);
    this.#lacking.set(routerId, Math.max(0, this.#lack(routerId) - slots));
  }

  /** Slots that are or will be in some router's hands: free are only those beyond. */
  #held(instance: GrantableInstance): number {
    const told = this.#toldOf(instance);
    const ids = new Set([...told.keys(), ...instance.shares.keys()]);
    return sum([...ids].map((id) => Math.max(told.get(id) ?? 0, instance.shares.get(id)?.held ?? 0)));
  }

  /** Slots that the router was asked to give back and has not: it may have these again at no one's cost. */
  #unreturned(instance: GrantableInstance, routerId: string): number {
    const told = this.#toldOf(instance).get(routerId) ?? 0;
    return Math.max(0, (instance.shares.get(routerId)?.held ?? 0) - told);
  }

  #changes(instance: GrantableInstance): Grant[] {
    return [...this.#toldOf(instance)]
      .filter(([id, slots]) => slots !== (instance.shares.get(id)?.told ?? 0))
      .map(([routerId, slots]) => ({ instanceId: instance.id, routerId, slots }));
  }

  #toldOf(instance: GrantableInstance): Map<string, number> {
    return this.#told.get(instance) ?? new Map<string, number>();
  }

  #toldOfAll(routerId: string): number {
    return sum(this.instances.map((instance) => this.#toldOf(instance).get(routerId) ?? 0));
  }

  #lack(routerId: string): number {
    return this.#lacking.get(routerId) ?? 0;
  }
}

const idleOf = (told: number, { shares }: GrantableInstance, routerId: string): number =>
  Math.max(0, told - (shares.get(routerId)?.inFlight ?? 0));

const sum = (numbers: Iterable<number>): number => {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
};
