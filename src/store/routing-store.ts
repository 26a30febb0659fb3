import type { DataSource, EntityManager } from "typeorm";
import type { Environment, RuntimeContract } from "../model/environment.js";
import type { FunctionCode, FunctionSpec } from "../model/function.js";
import type { HttpTrigger } from "../model/trigger.js";
import { isId } from "../model/validate-name.js";
import type { ChangeFeed } from "./change-feed.js";
import { EnvironmentEntity } from "./entities/environment.entity.js";
import { FunctionEntity } from "./entities/function.entity.js";
import { HttpTriggerEntity } from "./entities/http-trigger.entity.js";
import { findCode } from "./repositories/function.repository.js";
import { Table } from "./table.js";
import { withStore } from "./with-store.js";

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
  constructor(
    private readonly dataSource: DataSource,
    private readonly changes: ChangeFeed,
  ) {}

  load(): Promise<ResourceSnapshot> {
    return withStore(() => this.dataSource.transaction("REPEATABLE READ", readSnapshot));
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

async function readSnapshot(db: EntityManager): Promise<ResourceSnapshot> {
  const environments = await living(db, EnvironmentEntity, "environment");
  const functions = await living(db, FunctionEntity, "function");
  const triggers = await living(db, HttpTriggerEntity, "http_trigger");
  const contracts = new Map(environments.map(({ id, contract }) => [id, contract]));
  return {
    environments,
    functions: functions.map((fn) => Object.assign(fn, { contract: contracts.get(fn.environmentId) ?? "FERMI" })),
    triggers,
  };
}

function living<T extends object>(db: EntityManager, entity: new () => T, name: string): Promise<T[]> {
  const table = new Table(db, entity);
  return table.rows(`SELECT ${table.columns("r")} FROM ${name} r WHERE r.deleted_at IS NULL`, []);
}
