import type { DataSource } from "typeorm";
import { systemClock, type Clock } from "../lib/clock.js";
import type { Environment, RuntimeContract } from "../model/environment.js";
import type { FunctionCode, FunctionSpec } from "../model/function.js";
import type { HttpTrigger } from "../model/trigger.js";
import { isId } from "../model/validate-name.js";
import type { ChangeFeed } from "./change-feed.js";
import { FunctionEntity } from "./entities/function.entity.js";
import { LivingResources } from "./living-resources.js";
import { findCode } from "./repositories/function.repository.js";
import { withStore } from "./with-store.js";

/** Old changes are pruned after a day: whoever has been away for longer must not rely on them. */
const readAllEveryMs = 3_600_000;

/** All living resources at one moment. */
export interface ResourceSnapshot {
  readonly environments: readonly Environment[];
  /** With the contract of the current version's environment. */
  readonly functions: readonly (FunctionSpec & { readonly contract: RuntimeContract })[];
  /** Disabled ones too. */
  readonly triggers: readonly HttpTrigger[];
}

/** What router and pool manager read: all at one moment, code on demand, and a word when to look again. */
export class RoutingStore {
  #living = routed();
  #snapshot: ResourceSnapshot | undefined;
  #lastLoad: Promise<unknown> = Promise.resolve();
  #readAllAtMs = -Infinity;

  constructor(
    private readonly dataSource: DataSource,
    private readonly changes: ChangeFeed,
    private readonly clock: Clock = systemClock,
  ) {}

  /** Up to which change the last load has read; undefined before the first. */
  get position(): string | undefined {
    return this.#living.position;
  }

  /** Everything at the first call; later calls read only what has changed since, and answer the same object if nothing has. */
  load(): Promise<ResourceSnapshot> {
    const load = this.#lastLoad.then(() => this.#load());
    this.#lastLoad = load.catch(() => undefined);
    return load;
  }

  async #load(): Promise<ResourceSnapshot> {
    const nowMs = this.clock.monotonicMs();
    if (nowMs > this.#readAllAtMs) {
      this.#living = routed();
      this.#readAllAtMs = nowMs + readAllEveryMs;
    }
    const living = this.#living;
    try {
      const isChanged = await withStore(() =>
        this.dataSource.transaction("REPEATABLE READ", (db) => living.catchUp(db)),
      );
      return (this.#snapshot = isChanged || this.#snapshot === undefined ? snapshotOf(living) : this.#snapshot);
    } catch (error) {
      // Half of the changes may have been read, or be read still by what was given up.
      this.#living = routed();
      throw error;
    }
  }

  /** The code of one version, of a deleted function too as long as it is kept; undefined where there is none. */
  async code(functionId: string, version: number): Promise<FunctionCode | undefined> {
    if (!isId(functionId)) return undefined;
    return withStore(() => findCode(this.dataSource.manager, functionId, version));
  }

  /** Calls `onChange` once soon, then soon after each commit; changes that follow each other closely are one call. */
  subscribe(onChange: () => void): { stop(): void } {
    const stopping = new AbortController();
    void this.#watch(onChange, stopping.signal);
    return { stop: () => stopping.abort() };
  }

  async #watch(onChange: () => void, signal: AbortSignal): Promise<void> {
    const isOver = (): boolean => signal.aborted;
    // Unknown at first, so the subscriber is told once at the beginning: what it has loaded may be older than this.
    let seen: string | undefined;
    while (!isOver()) {
      // With the store away there is nothing to look at; what changed meanwhile is seen when it is back.
      const latest = await this.changes.latest().catch(() => seen);
      if (latest !== seen && !isOver()) onChange();
      seen = latest;
      await this.changes.wait(signal);
    }
  }
}

const routedKinds = ["Environment", "Function", "HttpTrigger"] as const;

type RoutedResources = LivingResources<(typeof routedKinds)[number]>;

const routed = (): RoutedResources => new LivingResources(routedKinds);

function snapshotOf(living: RoutedResources): ResourceSnapshot {
  const environments = living.of("Environment");
  const contractOf = ({ environmentId }: FunctionSpec): RuntimeContract =>
    environments.get(environmentId)?.contract ?? "FERMI";
  return {
    environments: [...environments.values()],
    functions: Array.from(living.of("Function").values(), (fn) =>
      Object.assign(new FunctionEntity(), fn, { contract: contractOf(fn) }),
    ),
    triggers: [...living.of("HttpTrigger").values()],
  };
}
