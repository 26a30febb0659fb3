import type { MemoryDriverOptions } from "../../../src/cluster/memory/memory-driver.js";
import { silentLogger } from "../../../src/lib/logger.js";
import type { Environment } from "../../../src/model/environment.js";
import type { FunctionSpec } from "../../../src/model/function.js";
import { keyedTarget } from "../../../src/router/callee.js";
import { SlotTable } from "../../../src/router/slot-table.js";
import type { Lease } from "../../../src/router/target-slots.js";
import { noConnections } from "../../unit/poolmgr/support/a-slot-table.js";
import { settled } from "../../unit/poolmgr/support/fake-clock.js";
import { Stage } from "../../unit/poolmgr/support/stage.js";
import { Requests, type Outcome } from "./requests.js";
import { Runtimes } from "./runtimes.js";

export interface Setup {
  readonly environments: Environment[];
  readonly functions: FunctionSpec[];
  readonly maxInstances?: number;
  readonly routers?: number;
  /** Of messages between a router and the pool manager. */
  readonly latencyMs?: number;
  readonly maxWaiting?: number;
  readonly driver?: Omit<MemoryDriverOptions, "clock">;
}

/** Routers' slot tables and a pool manager, all real, on a cluster in memory, with time that passes only when told to. */
export class World {
  readonly runtimes: Runtimes;
  readonly routers: readonly Requests[];
  readonly #broken: string[] = [];
  #isOver = false;

  private constructor(
    readonly stage: Stage,
    private readonly setup: Setup,
  ) {
    const { clock, driver, network, manager } = stage;
    const { routers = 1, latencyMs = 0, maxWaiting = 1_000 } = setup;
    network.latencyMs = latencyMs;
    this.runtimes = new Runtimes(driver, clock);
    this.routers = Array.from({ length: routers }, () => {
      const link = latencyMs > 0 ? network : manager.hub;
      const options = { link, clock, logger: silentLogger, connect: () => noConnections };
      return new Requests(new SlotTable({ ...options, maxWaitingPerFunction: maxWaiting }), clock, this.runtimes);
    });
  }

  static async up(setup: Setup): Promise<World> {
    const { environments, functions, maxInstances = Infinity, driver = {} } = setup;
    const stage = await Stage.up({ environments, functions, maxInstances, driver });
    stage.router.close();
    const world = new World(stage, setup);
    for (const { slots } of world.routers) slots.start();
    await settled();
    return world;
  }

  /** Sets up, lets `act` happen, and takes down; what rules were broken meanwhile. */
  static async run(setup: Setup, act: (world: World) => Promise<void>): Promise<string[]> {
    const world = await World.up(setup);
    try {
      await act(world);
      return world.broken;
    } finally {
      await world.#down();
    }
  }

  get nowMs(): number {
    return this.stage.clock.monotonicMs();
  }

  get broken(): string[] {
    return [...this.#broken, ...this.runtimes.broken, ...this.routers.flatMap(({ broken }) => broken)];
  }

  get outcomes(): Outcome[] {
    return this.routers.flatMap(({ outcomes }) => outcomes);
  }

  /** Sends requests now; their outcomes, once they have ended. */
  send(functionId: string, workMs: number, { count = 1, router = 0 } = {}): Promise<Outcome>[] {
    const timeoutMs = this.#spec(functionId).settings.timeoutSeconds * 1_000;
    return Array.from({ length: count }, () => this.routers[router]!.send({ functionId, router, workMs, timeoutMs }));
  }

  /** One caller after another: each sends the next request as soon as it has its answer, for so long. */
  keepSending(
    functionId: string,
    callers: number,
    forMs: number,
    next: () => { workMs: number; router?: number },
  ): void {
    const endMs = this.nowMs + forMs;
    const caller = async (): Promise<void> => {
      while (this.nowMs < endMs && !this.#isOver) {
        const { workMs, ...where } = next();
        await this.send(functionId, workMs, where)[0];
      }
    };
    for (let i = 0; i < callers; i++) void caller();
  }

  async pass(ms: number, stepMs = 100): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      await this.stage.clock.pass(Math.min(stepMs, left));
      this.#check();
    }
  }

  /** Until every request has ended. */
  async quiesce(): Promise<void> {
    const isBusy = (): boolean => this.routers.some(({ open }) => open > 0);
    for (let waitedMs = 0; isBusy() && waitedMs < 300_000; waitedMs += 1_000) await this.pass(1_000, 1_000);
    const open = this.routers.reduce((sum, router) => sum + router.open, 0);
    if (open > 0) this.#broken.push(`${open} requests never ended`);
    if (this.runtimes.inFlight > 0) this.#broken.push(`${this.runtimes.inFlight} requests run for nobody`);
  }

  /** One of the instances there are dies. */
  crash(nth: number): void {
    const { ids } = this.runtimes;
    if (ids.length > 0) this.runtimes.crash(ids[nth % ids.length]!);
  }

  /** Requests of a function that would be served at once, wherever they come. */
  freeSlots(functionId: string): number {
    const target = keyedTarget(functionId, 1);
    const leases = this.routers.map(({ slots }) => {
      const taken: Lease[] = [];
      for (let next = slots.tryAcquire(target); next !== undefined; next = slots.tryAcquire(target)) taken.push(next);
      return taken;
    });
    for (const lease of leases.flat()) lease.release();
    return leases.flat().length;
  }

  serving(functionId: string): number {
    return this.stage.manager.view.instancesOf(functionId).filter(({ state }) => state !== "DRAINING").length;
  }

  /** Claimed instances of everybody, up to their end. */
  get claimed(): number {
    return ["SPECIALIZING", "READY", "DRAINING"].reduce((sum, state) => sum + this.stage.count(state), 0);
  }

  async #down(): Promise<void> {
    this.#isOver = true;
    for (const { slots } of this.routers) slots.stop();
    await this.stage.down();
  }

  #check(): void {
    const { maxInstances = Infinity, maxWaiting = 1_000, functions } = this.setup;
    const must = (most: number, what: string, count: number): void => {
      if (count > most) this.#broken.push(`${count} ${what}, ${most} allowed`);
    };
    must(maxInstances, "instances in all", this.claimed);
    for (const { id, settings } of functions) {
      must(settings.maxInstances, `instances of ${id}`, this.serving(id));
      for (const router of this.routers) must(maxWaiting, `waiting for ${id}`, router.waiting(id));
    }
  }

  #spec(functionId: string): FunctionSpec {
    return this.setup.functions.find(({ id }) => id === functionId)!;
  }
}
