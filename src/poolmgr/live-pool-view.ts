import type { Clock } from "../lib/clock.js";
import type { Instance, Pool } from "../model/instance.js";
import type { InstanceState } from "../model/instance-state.js";
import type { PoolView } from "../model/pool-view.js";
import type { Fleet, Observed } from "./fleet.js";
import type { Member } from "./member.js";

type Listener = (environmentId: string) => void;

const coalesceMs = 50;

/** The pools as they are this moment: what the driver reports, and what the pool manager knows of each instance's work. */
export class LivePoolView implements PoolView {
  readonly #listeners = new Set<Listener>();
  readonly #touched = new Set<string>();
  /** What listeners know of each pool: how many instances are in which state. */
  readonly #told = new Map<string, string>();
  #flush: { stop(): void } | undefined;

  constructor(
    private readonly fleet: Fleet,
    private readonly clock: Clock,
  ) {}

  pools(): readonly Pool[] {
    const byEnvironment = new Map([...this.fleet.environments.keys()].map((id) => [id, [] as Instance[]]));
    for (const observed of this.fleet.observed.values()) {
      byEnvironment.get(observed.instance.environmentId)?.push(this.#show(observed));
    }
    return [...byEnvironment].map(([environmentId, instances]) => ({
      environmentId,
      warm: instances.filter(({ state }) => state === "WARM").length,
      starting: instances.filter(({ state }) => state === "STARTING").length,
      specialized: instances.filter(({ functionId }) => functionId !== null).length,
      instances,
    }));
  }

  instancesOf(functionId: string): readonly Instance[] {
    const ids = [...this.fleet.specializing.values(), ...(this.fleet.functions.get(functionId)?.members ?? [])];
    const ofFunction = ids.flatMap((item) => {
      if ("spec" in item) return item.spec.id === functionId && item.instance !== undefined ? [item.instance.id] : [];
      return [item.id];
    });
    return ofFunction
      .flatMap((id) => this.fleet.observed.get(id) ?? [])
      .map((observed) => this.#show(observed))
      .sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
  }

  onChange(listener: Listener): { stop(): void } {
    const own: Listener = (environmentId) => listener(environmentId);
    this.#listeners.add(own);
    return { stop: () => void this.#listeners.delete(own) };
  }

  /** Something may have changed in the environment's pool. */
  touch(environmentId: string): void {
    if (this.#listeners.size === 0) return;
    this.#touched.add(environmentId);
    this.#flush ??= this.clock.after(coalesceMs, () => this.#tell());
  }

  stop(): void {
    this.#flush?.stop();
    this.#listeners.clear();
  }

  #tell(): void {
    this.#flush = undefined;
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const environmentId of touched) {
      const counts = this.#counts(environmentId);
      if (this.#told.get(environmentId) === counts) continue;
      this.#told.set(environmentId, counts);
      for (const listener of this.#listeners) listener(environmentId);
    }
  }

  #counts(environmentId: string): string {
    const ofPool = [...this.fleet.observed.values()].filter(({ instance }) => instance.environmentId === environmentId);
    return countStates(ofPool.map((observed) => this.#show(observed)));
  }

  #show({ instance }: Observed): Instance {
    const { id, environmentId, address, startedAt } = instance;
    const shown = { id, environmentId, address, startedAt };
    const member = this.fleet.member(id);
    if (member !== undefined) return { ...shown, ...showMember(member) };
    const launch = this.fleet.specializing.get(id);
    const state = launch === undefined ? instance.state : "SPECIALIZING";
    const functionId = launch?.spec.id ?? null;
    const functionVersion = launch?.version ?? null;
    return { ...shown, state, functionId, functionVersion, inFlight: 0, specializedAt: null, lastUsedAt: null };
  }
}

/** How many are in which state: what listeners are told changes of. */
export function countStates(instances: readonly Pick<Instance, "state">[]): string {
  const counts: Partial<Record<InstanceState, number>> = {};
  for (const { state } of instances) counts[state] = (counts[state] ?? 0) + 1;
  return `${counts.STARTING}/${counts.WARM}/${counts.SPECIALIZING}/${counts.READY}/${counts.DRAINING}`;
}

const showMember = ({
  state,
  facts,
  ledger,
  lastUsedAt,
}: Member): Omit<Instance, "id" | "environmentId" | "address" | "startedAt"> => ({
  state,
  functionId: facts.functionId,
  functionVersion: facts.version,
  inFlight: ledger.inFlight,
  specializedAt: facts.specializedAt,
  lastUsedAt,
});
