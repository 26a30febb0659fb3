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

export interface StageOptions {
  readonly environments?: Environment[];
  readonly functions?: FunctionSpec[];
  readonly maxInstances?: number;
  readonly driver?: Omit<MemoryDriverOptions, "clock">;
  /** Called before the pool manager starts. */
  readonly before?: (driver: MemoryDriver, source: FakeSource) => Promise<void> | void;
}

/** A pool manager on the memory cluster, with a store that is a list, a clock that stands still, and one router. */
export class Stage {
  readonly clock = new FakeClock();
  readonly source = new FakeSource();
  readonly events: { instanceId: string | undefined; functionId: string; version: number; message: string }[] = [];
  readonly coldStarts: number[] = [];
  readonly failures: string[] = [];
  /** Tasks of the pool manager that threw: there must be none. */
  readonly faults: unknown[] = [];
  claimsWaiting = 0;
  readonly driver: MemoryDriver;
  readonly manager: PoolManager;
  readonly router: FakeRouter;

  private constructor({ driver, maxInstances = Infinity }: StageOptions) {
    const { clock, source } = this;
    this.driver = new MemoryDriver({ ...driver, clock });
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
      codeCacheBytes: 1024 * 1024,
      onEvent: (instanceId, functionId, version, message) => {
        this.events.push({ instanceId, functionId, version, message });
      },
    });
    this.router = new FakeRouter(this.manager.link, clock);
  }

  static async up(options: StageOptions = {}): Promise<Stage> {
    const stage = new Stage(options);
    stage.source.environments = options.environments ?? [anEnvironment()];
    stage.source.functions = options.functions ?? [aFunction()];
    await options.before?.(stage.driver, stage.source);
    await stage.manager.start();
    stage.router.open();
    await settled();
    return stage;
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

  instances(functionId = "fn"): string[] {
    return this.manager.view.instancesOf(functionId).map(({ id }) => id);
  }
}
