import type { DataSource, EntityManager } from "typeorm";
import { systemClock, type Clock } from "../lib/clock.js";
import type { ChangedResource } from "../model/change.js";
import type { ChangeType } from "../model/resource.js";
import { EnvironmentWrites } from "./repositories/environment.repository.js";
import { FunctionWrites } from "./repositories/function.repository.js";
import { TriggerWrites } from "./repositories/trigger-writes.js";
import { storeUnavailable } from "./store-error.js";
import { withStore } from "./with-store.js";
import { WriteQueue } from "./write-queue.js";

/** Held to the end of every transaction that announces a change: the order of the outbox is the order of commits. */
const writeLock = 6_626_070_16;

/** What one transaction can write. */
export class ResourceTransaction {
  readonly environments: EnvironmentWrites;
  readonly functions: FunctionWrites;
  readonly triggers: TriggerWrites;

  constructor(
    private readonly db: EntityManager,
    private readonly clock: Clock,
  ) {
    this.environments = new EnvironmentWrites(db);
    this.functions = new FunctionWrites(db);
    this.triggers = new TriggerWrites(db);
  }

  /** A row of the outbox, and a NOTIFY that the server sends when the transaction commits. */
  async announce(type: ChangeType, { kind, resource }: ChangedResource): Promise<void> {
    const sql = `WITH written AS (
      INSERT INTO change (at, kind, type, namespace, resource) VALUES ($1, $2, $3, $4, $5)
    ) SELECT pg_notify('fermi_change', '')`;
    const row = [this.clock.now(), kind, type, resource.namespace, JSON.stringify(resource)];
    await this.db.query(sql, row);
  }
}

/**
 * All writes of resources, one after another: in this process by a queue, so that they take one connection of the pool
 * only, and among processes by a lock. Writes are rare and short; in exchange nothing that one has read can change
 * before it commits, and there are no deadlocks.
 */
export class ResourceStore {
  readonly #queue = new WriteQueue(10_000);

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock = systemClock,
    /** Waited for after each commit, so that whoever is answered finds the change in force. Must not reject. */
    private readonly inForce: () => Promise<void> = () => Promise.resolve(),
  ) {}

  async write<T>(work: (transaction: ResourceTransaction) => Promise<T>): Promise<T> {
    const result = await this.#queue.run(() => withStore((isLate) => this.#writeNow(work, isLate), this.clock));
    await this.inForce();
    return result;
  }

  #writeNow<T>(work: (transaction: ResourceTransaction) => Promise<T>, isLate: () => boolean): Promise<T> {
    return this.dataSource.transaction(async (db) => {
      await db.query("SELECT pg_advisory_xact_lock($1)", [writeLock]);
      const result = await work(new ResourceTransaction(db, this.clock));
      // The caller has been told that nothing came of it, so nothing may.
      if (isLate()) throw storeUnavailable("took too long");
      return result;
    });
  }
}
