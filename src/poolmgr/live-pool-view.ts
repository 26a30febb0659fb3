import type { Clock } from "../lib/clock.js";
import type { Instance, Pool } from "../model/instance.js";
import { instanceStates, type InstanceState } from "../model/instance-state.js";
import type { PoolView } from "../model/pool-view.js";
import type { Fleet, Observed } from "./fleet.js";
import type { Member } from "./member.js";

type Listener = (environmentId: string) => void;

const coalesceMs = 50;

/** The pools as they are this moment: what the driver reports, and what the pool manager knows of each instance's work. */
export class LivePoolView implements PoolView {
  readonly #listeners = new Set<Listener>();
  readonly #touched = new Set<string>();
  /** What listeners know of each pool (summaryOf). */
  readonly #told = new Map<string, string>();
  #flush: { stop(): void } | undefined;

  constructor(
    private readonly fleet: Fleet,
    private readonly clock: Clock,
    /** Why an environment's pool can't be filled, by the environment's id; without those of which nothing is known to be wrong. */
    private readonly problems: () => ReadonlyMap<string, string>,
  ) {}

  pools(): readonly Pool[] {
    const byEnvironment = new Map([...this.fleet.environments.keys()].map((id) => [id, [] as Instance[]]));
    for (const observed of this.fleet.observed.values()) {
      byEnvironment.get(observed.instance.environmentId)?.push(this.#show(observed));
    }
    const problems = this.problems();
    return [...byEnvironment].map(([environmentId, instances]) => ({
      environmentId,
      warm: instances.filter(({ state }) => state === "WARM").length,
      starting: instances.filter(({ state }) => state === "STARTING").length,
      specialized: instances.filter(({ functionId }) => functionId !== null).length,
      problem: problems.get(environmentId) ?? null,
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
    const pools = new Map(this.pools().map((pool) => [pool.environmentId, pool]));
    for (const environmentId of touched) {
      const summary = summaryOf(pools.get(environmentId));
      if (this.#told.get(environmentId) === summary) continue;
      this.#told.set(environmentId, summary);
      for (const listener of this.#listeners) listener(environmentId);
    }
  }

  #show({ instance }: Observed): Instance {
    const { id, environmentId, address, startedAt, problem } = instance;
    const shown = { id, environmentId, address, startedAt, problem };
    const member = this.fleet.member(id);
    if (member !== undefined) return { ...shown, ...showMember(member) };
    const launch = this.fleet.specializing.get(id);
    const state = launch === undefined ? instance.state : "SPECIALIZING";
    const functionId = launch?.spec.id ?? null;
    const functionVersion = launch?.version ?? null;
    return { ...shown, state, functionId, functionVersion, inFlight: 0, specializedAt: null, lastUsedAt: null };
  }
}

/** What listeners are told changes of: how many instances are in which state, and what is wrong. */
export function summaryOf(pool: Pool | undefined): string {
  if (pool === undefined) return "";
  const counts: Partial<Record<InstanceState, number>> = {};
  for (const { state } of pool.instances) counts[state] = (counts[state] ?? 0) + 1;
  const problems = [pool.problem, ...pool.instances.map(({ problem }) => problem)].filter((why) => why !== null);
  return JSON.stringify([...instanceStates.map((state) => counts[state] ?? 0), ...new Set(problems)]);
}

const showMember = ({
  state,
  facts,
  ledger,
  lastUsedAt,
}: Member): Omit<Instance, "id" | "environmentId" | "address" | "startedAt" | "problem"> => ({
  state,
  functionId: facts.functionId,
  functionVersion: facts.version,
  inFlight: ledger.inFlight,
  specializedAt: facts.specializedAt,
  lastUsedAt,
});
