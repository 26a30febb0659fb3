/** The roles of one process: made here, started in order, stopped in reverse. Ends that are both in here are linked directly. */
import { setTimeout as delay } from "node:timers/promises";
import { routerWorkers } from "../config/router-workers.js";
import type { Config } from "../config/settings.js";
import { aborted } from "../lib/aborted.js";
import { systemClock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { StopStack } from "../lib/stop-stack.js";
import { buildRoles, type Roles } from "./build-roles.js";
import { layFoundation } from "./foundation.js";
import { Installation } from "./installation.js";
import { claimDatabase } from "./leadership.js";
import { openStore } from "./open-store.js";
import type { Role } from "./roles/role.js";
import { WorkerForks } from "./workers/worker-forks.js";

const clock = systemClock;

/** Where this process listens, as addresses on this machine; without those that it has none of. */
export interface Addresses {
  readonly apiUrl?: string;
  readonly routerUrl?: string;
  readonly poolmgrUrl?: string;
  readonly triggersUrl?: string;
}

export class FermiServer {
  readonly #started: StopStack;
  #roles: Roles = {};
  readonly #stopping = new AbortController();
  /** While it starts. */
  #starting: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #place = "";

  /** `onOwned` is called, once or twice, as soon as no other process can refuse this one any more. */
  constructor(
    private readonly config: Config,
    private readonly logger: Logger,
    private readonly onOwned: () => Promise<void>,
  ) {
    this.#started = new StopStack((part, error) => logger.error({ part, err: error }, "a part did not stop cleanly"));
  }

  get addresses(): Addresses {
    const { api, router, poolmgr, triggers } = this.#roles;
    return {
      ...(api && { apiUrl: api.address }),
      // As callers see it.
      ...(router && { routerUrl: this.config.routerUrl ?? router.address }),
      ...(poolmgr?.address && { poolmgrUrl: poolmgr.address }),
      ...(triggers?.address && { triggersUrl: triggers.address }),
    };
  }

  /** Where data is kept, for people. */
  get place(): string {
    return this.#place;
  }

  /** The function that an empty store gets is there. */
  get hasExample(): boolean {
    return this.#roles.api?.hasExample ?? false;
  }

  get isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** True also after a stop that has waited long enough for the start's last step. */
  get isStarting(): boolean {
    return this.#starting !== undefined;
  }

  /**
   * Resolves when all ports are open, or once it is to stop. Rejects with whatever kept a part from starting; `stop` is
   * then still to be called.
   */
  async start(): Promise<void> {
    this.#starting = this.#startAll(this.#stopping.signal).finally(() => (this.#starting = undefined));
    await Promise.race([aborted(this.#stopping.signal), this.#starting]);
  }

  /** Looks between two steps whether it is to stop: a part is stopped when it has come up, never halfway. */
  async #startAll(stopping: AbortSignal): Promise<void> {
    stopping.throwIfAborted();
    const surroundings = { config: this.config, clock, logger: this.logger };
    const started = this.#started;
    const forks = new WorkerForks();
    started.push("workers that never began", () => forks.stop());
    // Loading their code takes about as long as the store does to start.
    const workers = routerWorkers(this.config);
    if (workers > 1) forks.begin(workers);
    const store = await openStore({ ...surroundings, started, stopping, onOwned: this.onOwned });
    this.#place = store.place;
    stopping.throwIfAborted();
    await claimDatabase(surroundings, store.url, started);
    stopping.throwIfAborted();
    await this.onOwned();
    const foundation = layFoundation(surroundings, started, store, {
      pools: () => this.#roles.poolmgr?.view.pools() ?? [],
      waiting: () => this.#roles.router?.waiting ?? 0,
      // Workers tell of themselves; what the pool manager does not know it reads when it is asked for it.
      loaded: (change) => {
        if (this.#roles.router?.counted === undefined) installation.seen(change);
      },
      elsewhere: async () => (await this.#roles.router?.counted?.()) ?? [],
    });
    const isStopping = (): boolean => stopping.aborted;
    const installation: Installation = new Installation(foundation, { roles: () => this.#present, isStopping });
    this.#roles = await buildRoles(foundation, { installation, forks, isStopping });
    installation.start();
    // Whoever records comes after who keeps records in bounds, and is so stopped before.
    for (const role of this.#present) {
      stopping.throwIfAborted();
      await role.start();
    }
  }

  /**
   * Says that it is not ready, leaves triggers to others, and goes on for the configured time; then requests in flight
   * may finish, and everything ends. A start that goes on comes to its end before. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopping.abort();
    return (this.#stopped ??= this.#drainAndStop());
  }

  async #drainAndStop(): Promise<void> {
    await this.#startEnds();
    const { router, api, triggers } = this.#roles;
    router?.drain();
    const handedOver = triggers?.handOver();
    if (router?.address || api?.address) await delay(this.config.drainSeconds * 1_000);
    await handedOver;
    await this.#started.stop();
  }

  /** How it ended is told to who started; not waited for longer than for requests. */
  async #startEnds(): Promise<void> {
    const ended = new AbortController();
    const late = delay(this.config.stopTimeoutSeconds * 1_000, undefined, { signal: ended.signal });
    await Promise.race([this.#starting, late]).catch(() => undefined);
    ended.abort();
  }

  /** In the order of their starts. */
  get #present(): Role[] {
    const { triggers, poolmgr, router, api } = this.#roles;
    return [triggers, poolmgr, router, api].filter((role) => role !== undefined);
  }
}
