import type {
  ClusterDriver,
  ClusterInstance,
  InstanceChange,
  InstanceOutput,
  PoolHealth,
  SpecializeRequest,
  Watching,
} from "../cluster/cluster-driver.js";
import { AppError } from "../errors/app-error.js";
import type { Stoppable } from "../lib/stoppable.js";
import type { Environment } from "../model/environment.js";

/**
 * A driver that acts only while this process leads: it may have been stopped for a minute without knowing, and then a
 * successor has long taken over. Looking is free.
 */
export class FencedDriver implements ClusterDriver {
  constructor(
    private readonly driver: ClusterDriver,
    private readonly isHeld: () => boolean,
  ) {}

  get outlivesProcess(): boolean {
    return this.driver.outlivesProcess;
  }

  async ensurePool(environment: Environment): Promise<void> {
    this.#expectHeld();
    await this.driver.ensurePool(environment);
  }

  async removePool(environmentId: string): Promise<void> {
    this.#expectHeld();
    await this.driver.removePool(environmentId);
  }

  /** The instance is only given to who still leads when it is there. */
  async claim(environmentId: string, signal: AbortSignal): Promise<ClusterInstance> {
    this.#expectHeld();
    const instance = await this.driver.claim(environmentId, signal);
    this.#expectHeld();
    return instance;
  }

  async specialize(instance: ClusterInstance, request: SpecializeRequest, signal: AbortSignal): Promise<void> {
    this.#expectHeld();
    await this.driver.specialize(instance, request, signal);
  }

  async end(instanceId: string, graceMs: number): Promise<void> {
    this.#expectHeld();
    await this.driver.end(instanceId, graceMs);
  }

  watch(onChange: (change: InstanceChange) => void): Watching {
    return this.driver.watch(onChange);
  }

  logs(onOutput: (output: InstanceOutput) => void): Stoppable {
    return this.driver.logs(onOutput);
  }

  health(): readonly PoolHealth[] {
    return this.driver.health();
  }

  #expectHeld(): void {
    if (!this.isHeld()) throw new AppError("CLUSTER_UNAVAILABLE", "This pool manager does not lead any more.");
  }
}
