import type { Clock } from "../../lib/clock.js";
import type { Environment } from "../../model/environment.js";
import { parseQuantity } from "../../model/quantity.js";
import { ClaimQueue } from "../claim-queue.js";
import type { ClusterInstance } from "../cluster-driver.js";
import { templateOf } from "../instance-template.js";
import type { LocalInstance } from "./local-instance.js";
import { defaultMemoryLimit } from "./memory-limit.js";
import type { PoolState } from "./plan-pools.js";
import { findRuntime, refuseImage, type Runtime } from "./runtimes.js";

const firstRetryMs = 250;
const lastRetryMs = 30_000;

/** One environment's instances that nobody has claimed, who waits for one, and why none comes up. */
export class LocalPool {
  readonly claims = new ClaimQueue<ClusterInstance>();
  readonly warm = new Set<LocalInstance>();
  readonly starting = new Set<LocalInstance>();
  #failures = 0;
  #failure: string | null = null;
  #retryAtMs = 0;

  constructor(
    public environment: Environment,
    private readonly runtimes: readonly Runtime[],
    private readonly clock: Clock,
  ) {}

  get runtime(): Runtime | undefined {
    const { image, contract } = this.environment;
    const found = findRuntime(this.runtimes, image);
    return found?.contracts.includes(contract) === true ? found : undefined;
  }

  get memoryLimit(): { text: string; bytes: number } {
    const text = this.environment.resources.memoryLimit ?? defaultMemoryLimit;
    return { text, bytes: parseQuantity(text) ?? Number.POSITIVE_INFINITY };
  }

  /** Why no instance comes up, or null. A single failed start is no problem yet. */
  get problem(): string | null {
    const { image, contract } = this.environment;
    return refuseImage(this.runtimes, image, contract) ?? this.#failure;
  }

  /** The same for who calls functions, and is to learn nothing of the machine: paths are in the failure. Null as above. */
  get refusal(): string | null {
    const { image, contract } = this.environment;
    const down = `new instances of ${image} do not come up, and \`fermi check\` tells the operator why`;
    return refuseImage(this.runtimes, image, contract) ?? (this.#failure === null ? null : down);
  }

  /** Whether a claim that finds nothing warm is to be refused rather than wait. */
  get isHopeless(): boolean {
    return this.runtime === undefined || (this.#failure !== null && this.retryInMs > 0);
  }

  get retryInMs(): number {
    return Math.max(0, this.#retryAtMs - this.clock.monotonicMs());
  }

  get state(): PoolState {
    return {
      id: this.environment.id,
      poolSize: this.environment.poolSize,
      warm: this.warm.size,
      starting: this.starting.size,
      waiting: this.claims.size,
      canStart: this.runtime !== undefined && this.retryInMs === 0,
    };
  }

  /** Whether instances of the pool as it was can't serve the environment as it is now. */
  adopt(environment: Environment): boolean {
    const isOther = templateOf(this.environment) !== templateOf(environment);
    this.environment = environment;
    if (isOther) this.succeeded();
    return isOther;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#failure = null;
    this.#retryAtMs = 0;
  }

  /** Each failure in a row doubles the wait before the next start, up to a bound. */
  failed(why: string, mostMs = lastRetryMs): void {
    this.#failures += 1;
    if (this.#failures < 2) return;
    this.#failure = `a new instance of ${this.environment.image} ${why}`;
    const waitMs = Math.min(mostMs, firstRetryMs * 2 ** (this.#failures - 2));
    this.#retryAtMs = this.clock.monotonicMs() + waitMs;
  }

  /** Out of the pool, whatever it was in it. */
  forget(instance: LocalInstance): void {
    this.warm.delete(instance);
    this.starting.delete(instance);
  }

  /** All that nobody has claimed, out of the pool. */
  empty(): LocalInstance[] {
    const instances = [...this.warm, ...this.starting];
    this.warm.clear();
    this.starting.clear();
    return instances;
  }
}
