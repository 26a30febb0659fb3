import type { ClusterDriver } from "../cluster/cluster-driver.js";
import { templateOf } from "../cluster/instance-template.js";
import { AppError } from "../errors/app-error.js";
import { Backoff } from "../lib/backoff.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import type { Environment } from "../model/environment.js";
import { planPools } from "./plan-pools.js";

interface KeptPool {
  /** What the driver was told last and took. */
  ensured: Environment | undefined;
  /** Of what the driver took. */
  template: string | undefined;
  /** Of what it was told last, whether it took that or not. */
  telling: string | undefined;
  /** What is being told. Set while a call to the driver is under way. */
  running: Promise<void> | undefined;
  problem: AppError | undefined;
  /** In which words its problem was logged last: each retry finds the same one again. */
  logged: string | undefined;
  readonly backoff: Backoff;
}

/** Keeps the driver's pools as the environments say. One that fails is tried again later and stops no other. */
export class PoolKeeper {
  readonly #pools = new Map<string, KeptPool>();
  #isStopped = false;

  constructor(
    private readonly driver: Pick<ClusterDriver, "ensurePool" | "removePool" | "health">,
    private readonly clock: Clock,
    private readonly logger: Logger,
    /** Called when a pool has come to be as desired, or failed to. */
    private readonly onDone: () => void,
  ) {}

  /** Tells the driver what differs from the last time. Call it again at any time: it is idempotent, and retries. */
  keep(desired: readonly Environment[], roomForWarm: number): void {
    if (this.#isStopped) return;
    const ensured = new Map<string, Environment>();
    for (const [id, { ensured: environment }] of this.#pools)
      if (environment !== undefined) ensured.set(id, environment);
    const plan = planPools(desired, ensured, roomForWarm);
    for (const environment of plan.ensure) this.#tell(environment.id, environment);
    for (const id of plan.remove) this.#tell(id, undefined);
    for (const id of this.#leftBehind(desired)) this.#tell(id, undefined);
  }

  /** Where instances outlive the process, an environment may have gone while none was there to see it. */
  #leftBehind(desired: readonly Environment[]): string[] {
    const ids = new Set(desired.map(({ id }) => id));
    return this.driver
      .health()
      .map(({ environmentId }) => environmentId)
      .filter((id) => !ids.has(id) && !this.#pools.has(id));
  }

  /** Undefined where the pool is there: nothing to wait for. Rejects where it could not be made. */
  ready(environmentId: string): Promise<void> | undefined {
    const pool = this.#pools.get(environmentId);
    if (pool?.ensured !== undefined) return undefined;
    return pool?.running?.then(() => this.#expect(environmentId)) ?? this.#missing(pool);
  }

  /** Of what instances are started by now. */
  template(environmentId: string): string | undefined {
    return this.#pools.get(environmentId)?.template;
  }

  /** Whether instances are started from something else by now, and are not about to be started from that. */
  isOutdated(environmentId: string, template: string): boolean {
    const pool = this.#pools.get(environmentId);
    return pool?.template !== undefined && pool.template !== template && pool.telling !== template;
  }

  /** Why pools can't be filled, by environment; without those of which nothing is known to be wrong. */
  problems(): ReadonlyMap<string, string> {
    const problems = new Map<string, string>();
    for (const [id, { problem }] of this.#pools) if (problem !== undefined) problems.set(id, problem.message);
    for (const { environmentId, problem } of this.driver.health()) {
      if (problem !== null) problems.set(environmentId, problem);
    }
    return problems;
  }

  /** Begins nothing any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Begins nothing any more, and removes every pool. */
  async removeAll(): Promise<void> {
    this.#isStopped = true;
    await Promise.allSettled([...this.#pools.values()].flatMap(({ running }) => running ?? []));
    await Promise.allSettled([...this.#pools.keys()].map((id) => this.driver.removePool(id)));
  }

  #tell(id: string, environment: Environment | undefined): void {
    const pool = this.#pools.get(id) ?? this.#add(id);
    if (pool.running !== undefined || pool.backoff.remainingMs(this.clock.monotonicMs()) > 0) return;
    pool.running = this.#call(id, pool, environment).finally(() => {
      pool.running = undefined;
      this.onDone();
    });
  }

  async #call(id: string, pool: KeptPool, environment: Environment | undefined): Promise<void> {
    pool.telling = environment && templateOf(environment);
    try {
      await (environment === undefined ? this.driver.removePool(id) : this.driver.ensurePool(environment));
      if (environment === undefined) this.#pools.delete(id);
      pool.ensured = environment;
      pool.template = environment && templateOf(environment);
      pool.problem = undefined;
      pool.logged = undefined;
      pool.backoff.succeed();
    } catch (error) {
      pool.problem = asProblem(error);
      pool.backoff.fail(this.clock.monotonicMs());
      this.#log(id, pool, error);
    }
  }

  /** Once for as long as the words stay the same. What is put in words is no fault of Fermi's, and needs no stack. */
  #log(environmentId: string, pool: KeptPool, error: unknown): void {
    const words = error instanceof Error ? error.message : String(error);
    if (pool.logged === words) return;
    pool.logged = words;
    const what =
      error instanceof AppError ? { code: error.code, why: words, cause: inWords(error.cause) } : { err: error };
    this.logger.error({ environmentId, ...what }, "a pool could not be kept as desired; it is tried again");
  }

  #add(id: string): KeptPool {
    const backoff = new Backoff(1_000, 30_000);
    const pool: KeptPool = {
      ensured: undefined,
      template: undefined,
      telling: undefined,
      running: undefined,
      problem: undefined,
      logged: undefined,
      backoff,
    };
    this.#pools.set(id, pool);
    return pool;
  }

  #expect(environmentId: string): void {
    const pool = this.#pools.get(environmentId);
    if (pool?.ensured === undefined) throw pool?.problem ?? noPool();
  }

  #missing(pool: KeptPool | undefined): Promise<void> {
    return Promise.reject(pool?.problem ?? noPool());
  }
}

const inWords = (cause: unknown): unknown => (cause instanceof Error ? cause.message : cause);

const noPool = (): AppError => new AppError("CLUSTER_UNAVAILABLE", "The function's environment has no pool.");

const asProblem = (error: unknown): AppError =>
  error instanceof AppError
    ? error
    : new AppError("CLUSTER_UNAVAILABLE", "The environment's pool could not be made.", { cause: error });
