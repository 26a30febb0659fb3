/** The roles of one process: made here, started in order, stopped in reverse. Ends that are both in here are linked directly. */
import type { Config } from "../config/settings.js";
import { systemClock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { StopStack } from "../lib/stop-stack.js";
import { layFoundation } from "./foundation.js";
import { openStore } from "./open-store.js";
import { ApiRole } from "./roles/api-role.js";
import { PoolmgrRole } from "./roles/poolmgr-role.js";
import { RouterRole } from "./roles/router-role.js";
import { TriggersRole } from "./roles/triggers-role.js";

const clock = systemClock;

interface Roles {
  readonly triggers: TriggersRole;
  readonly poolmgr: PoolmgrRole;
  readonly router: RouterRole;
  readonly api: ApiRole;
  /** Where data is kept, for people. */
  readonly place: string;
}

export class FermiServer {
  readonly #started: StopStack;
  #isStopping = false;
  #roles: Roles | undefined;

  constructor(
    private readonly config: Config,
    private readonly logger: Logger,
  ) {
    this.#started = new StopStack((part, error) => logger.error({ part, err: error }, "a part did not stop cleanly"));
  }

  get apiUrl(): string {
    return this.#roles?.api.address ?? "";
  }

  /** As callers see it. */
  get routerUrl(): string {
    return this.config.routerUrl ?? this.#roles?.router.address ?? "";
  }

  /** Where data is kept, for people. */
  get place(): string {
    return this.#roles?.place ?? "";
  }

  /** The function that an empty store gets is there. */
  get hasExample(): boolean {
    return this.#roles?.api.hasExample ?? false;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Resolves when requests are answered. Rejects with whatever kept a part from starting; `stop` is then still to be called. */
  async start(): Promise<void> {
    this.#roles = await this.#build();
    const { triggers, poolmgr, router, api } = this.#roles;
    // Whoever records comes after who keeps records in bounds, and is so stopped before.
    for (const role of [triggers, poolmgr, router, api]) await role.start();
  }

  /** Requests in flight may finish for the configured time; then everything ends. Idempotent. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return this.#started.stop();
  }

  async #build(): Promise<Roles> {
    const surroundings = { config: this.config, clock, logger: this.logger };
    const started = this.#started;
    const store = await openStore({ ...surroundings, started });
    const foundation = layFoundation(surroundings, started, store, {
      pools: () => poolmgr.view.pools(),
      waiting: () => router.waiting,
    });
    const triggers = new TriggersRole(foundation);
    const poolmgr = new PoolmgrRole(foundation);
    const router = new RouterRole(foundation, { link: poolmgr.link });
    const api = new ApiRole(foundation, {
      pools: poolmgr.view,
      images: poolmgr.driver,
      routerAddress: () => router.address,
      dependents: [poolmgr, router],
      otherChecks: () => [...router.checks(), ...poolmgr.checks()],
      isReady: () => router.isReady,
    });
    return { triggers, poolmgr, router, api, place: store.place };
  }
}
