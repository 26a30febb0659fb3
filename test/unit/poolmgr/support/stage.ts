import { MemoryDriver, type MemoryDriverOptions } from "../../../../src/cluster/memory/memory-driver.js";
import { silentLogger, type Logger } from "../../../../src/lib/logger.js";
import type { Environment } from "../../../../src/model/environment.js";
import type { FunctionSpec } from "../../../../src/model/function.js";
import type { PoolMetrics } from "../../../../src/poolmgr/pool-metrics.js";
import { PoolManager } from "../../../../src/poolmgr/pool-manager.js";
import { aFunction, anEnvironment } from "./builders.js";
import { FakeClock, settled } from "./fake-clock.js";
import { FakeRouter } from "./fake-router.js";
import { FakeSource } from "./fake-source.js";
import { Network } from "./network.js";

export interface StageOptions {
  readonly environments?: Environment[];
  readonly functions?: FunctionSpec[];
  readonly maxInstances?: number;
  /** The pool manager can connect to instances, whatever routers can. */
  readonly isReachable?: true;
  readonly driver?: Omit<MemoryDriverOptions, "clock">;
  /** The stage whose cluster, store and clock are taken over by another pool manager. */
  readonly after?: Stage;
  /** Called before the pool manager starts. */
  readonly before?: (driver: MemoryDriver, source: FakeSource) => Promise<void> | void;
}

/** A pool manager on the memory cluster, with a store that is a list, a clock that stands still, and one router. */
export class Stage {
  readonly clock: FakeClock;
  readonly source: FakeSource;
  readonly events: { instanceId: string | undefined; functionId: string; version: number; message: string }[] = [];
  readonly coldStarts: number[] = [];
  readonly failures: string[] = [];
  /** Tasks of the pool manager that threw: there must be none. */
  readonly faults: unknown[] = [];
  claimsWaiting = 0;
  readonly driver: MemoryDriver;
  readonly network: Network;
  readonly manager: PoolManager;
  readonly router: FakeRouter;

  private constructor({ driver, maxInstances = Infinity, isReachable, after }: StageOptions) {
    const clock = (this.clock = after?.clock ?? new FakeClock());
    const source = (this.source = after?.source ?? new FakeSource());
    this.driver = after?.driver ?? new MemoryDriver({ ...driver, clock });
    this.network = after?.network ?? new Network(clock);
    const logger: Logger = {
      ...silentLogger,
      error: (fields, message) => {
        if (message.includes("task")) this.faults.push(fields);
      },
    };
    const metrics: PoolMetrics = {
      coldStart: (_functionId, durationMs) => void this.coldStarts.push(durationMs),
      failure: (_functionId, code) => void this.failures.push(code),
      claimsWaiting: (count) => void (this.claimsWaiting = count),
    };
    this.manager = new PoolManager({
      ...{ driver: this.driver, source, clock, logger, metrics, maxInstances },
      keyOf: (instanceId) => `key of ${instanceId}`,
      reaches: () => Promise.resolve(isReachable === true),
      codeCacheBytes: 1024 * 1024,
      onEvent: (instanceId, functionId, version, message) => {
        this.events.push({ instanceId, functionId, version, message });
      },
    });
    this.router = after?.router ?? new FakeRouter(this.manager.hub, clock);
    this.network.hub = this.manager.hub;
  }

  static async up(options: StageOptions = {}): Promise<Stage> {
    const stage = new Stage(options);
    if (options.after === undefined) {
      stage.source.environments = options.environments ?? [anEnvironment()];
      stage.source.functions = options.functions ?? [aFunction()];
    }
    await options.before?.(stage.driver, stage.source);
    await stage.manager.start();
    if (options.after === undefined) stage.router.open();
    await settled();
    return stage;
  }

  /** Another pool manager of the same cluster, to which no router has come back yet. */
  static succeed(after: Stage, options: StageOptions = {}): Promise<Stage> {
    return Stage.up({ ...options, after });
  }

  async down(): Promise<void> {
    this.router.close();
    await Promise.all([this.manager.stop(), this.clock.pass(20_000)]);
    await this.driver.stop();
    if (this.faults.length > 0) throw new Error("a task of the pool manager failed", { cause: this.faults });
  }

  /** The store says something else from now on. */
  async change(functions: FunctionSpec[], environments = this.source.environments): Promise<void> {
    Object.assign(this.source, { functions, environments });
    this.source.announce();
    await settled();
  }

  /** Everything the driver holds, by state. */
  count(state?: string): number {
    const instances = this.manager.view.pools().flatMap((pool) => pool.instances);
    return instances.filter((instance) => state === undefined || instance.state === state).length;
  }

  /** What is there by the driver's account, whoever leads. */
  states(): string[] {
    const found: string[] = [];
    void this.driver.watch(({ instance }) => void found.push(instance.state)).stop();
    return found.sort();
  }

  instances(functionId = "fn"): string[] {
    return this.manager.view.instancesOf(functionId).map(({ id }) => id);
  }
}
