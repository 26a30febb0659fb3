/**
 * Instances as child processes of this one: the cluster of a machine without Kubernetes.
 *
 * Guarantees, beyond the port's: a child knows nothing of this process's environment, listens on loopback only (a command
 * that the operator has mapped to an image listens where that says), and dies with this process however that ends, as does
 * what it has started (killStrays says what does not); what one child does (exit, block, leak, flood, fork) harms only
 * itself; there are never more than `maxInstances` processes. It is no sandbox: children share the machine, its network
 * and, among each other, a user.
 */
import { rm, rmdir } from "node:fs/promises";
import { AppError } from "../../errors/app-error.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import { outOfFiles } from "../../lib/open-files.js";
import { Seldom } from "../../lib/seldom.js";
import type { Stoppable } from "../../lib/stoppable.js";
import type { Environment, RuntimeContract } from "../../model/environment.js";
import type {
  ClusterDriver,
  ClusterInstance,
  ImageCheck,
  InstanceChange,
  InstanceOutput,
  PoolHealth,
  SpecializeRequest,
  Watching,
} from "../cluster-driver.js";
import { InstanceBook } from "../instance-book.js";
import { templateOf } from "../instance-template.js";
import { noInstance } from "../no-instance.js";
import { OutputReaders } from "../output-readers.js";
import { LocalInstance, type InstanceTools } from "./local-instance.js";
import { LocalPool } from "./local-pool.js";
import { MemoryWatch } from "./memory-watch.js";
import { defaultOutputBounds, type OutputBounds } from "../output-reader.js";
import { planPools } from "./plan-pools.js";
import { Reaper } from "./reaper.js";
import { refuseImage, type Runtime } from "./runtimes.js";
import { prepareWorkplace, type Workplace, type WorkplaceOptions } from "./workplace.js";

export interface LocalDriverOptions extends WorkplaceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** LANG of the children. */
  readonly lang: string;
  /** Processes at most, of all pools and functions together. */
  readonly maxInstances: number;
  readonly parallelStarts?: number;
  readonly startTimeoutMs?: number;
  readonly outputBounds?: OutputBounds;
}

const defaultParallelStarts = 4;
const defaultStartTimeoutMs = 30_000;
/** What an idle instance gets to end by itself. */
const idleGraceMs = 2_000;
const shortRetryMs = 1_000;
/** How long a pool stays one short after a claim: a cold start is over by then. Who waits for an instance does not wait for this. */
const refillDelayMs = 25;

export class LocalDriver implements ClusterDriver, ImageCheck {
  readonly outlivesProcess = false;
  readonly #book = new InstanceBook();
  readonly #pools = new Map<string, LocalPool>();
  readonly #instances = new Map<string, LocalInstance>();
  readonly #readers = new OutputReaders();
  #workplace: Workplace | undefined;
  #tools: InstanceTools | undefined;
  #retry: { stop(): void } | undefined;
  #refill: { stop(): void } | undefined;
  #isStopping = false;
  readonly #shortage: Seldom;

  constructor(private readonly options: LocalDriverOptions) {
    this.#shortage = new Seldom(options.clock);
  }

  /** Finds the runtimes, and removes what an earlier process has left behind. To be called before anything else. */
  async start(): Promise<void> {
    const { clock, logger, path, lang, outputBounds, startTimeoutMs = defaultStartTimeoutMs } = this.options;
    const workplace = await prepareWorkplace(this.options);
    const { instancesDir, user, warning } = workplace;
    if (warning !== null) logger.warn({}, warning);
    this.#workplace = workplace;
    const reaper = new Reaper({ path, instancesDir });
    reaper.start();
    this.#tools = {
      clock,
      instancesDir,
      path,
      lang,
      user,
      reaper,
      memory: new MemoryWatch(clock),
      outputBounds: outputBounds ?? defaultOutputBounds,
      startTimeoutMs,
      onOutput: (output) => this.#readers.tell(output),
    };
  }

  /** Ends every instance, in use or not, by force after `graceMs`. */
  async stop(graceMs = idleGraceMs): Promise<void> {
    this.#isStopping = true;
    this.#retry?.stop();
    this.#refill?.stop();
    for (const pool of this.#pools.values()) pool.claims.refuseAll(noInstance("the server is stopping"));
    this.#pools.clear();
    await Promise.all([...this.#instances.keys()].map((id) => this.end(id, graceMs)));
    this.#tools?.memory.stop();
    await this.#tools?.reaper.stop();
    await this.#removeTemporaryDir();
  }

  /** What the operator should know about how instances run, in words; null where all is well. */
  get warning(): string | null {
    return this.#workplace?.warning ?? null;
  }

  /** The folder in which each instance has its own. */
  get instancesDir(): string {
    return this.#workplace?.instancesDir ?? "";
  }

  /** The images that can run here. */
  get images(): readonly string[] {
    return this.#runtimes.map(({ image }) => image);
  }

  get #runtimes(): readonly Runtime[] {
    return this.#workplace?.runtimes ?? [];
  }

  refuseImage(image: string, contract: RuntimeContract): string | undefined {
    return refuseImage(this.#runtimes, image, contract);
  }

  ensurePool(environment: Environment): Promise<void> {
    const pool = this.#pools.get(environment.id);
    if (pool === undefined) {
      this.#pools.set(environment.id, new LocalPool(environment, this.#runtimes, this.options.clock));
    } else if (pool.adopt(environment)) {
      for (const { id } of pool.empty()) void this.end(id, idleGraceMs);
    }
    this.#refuseHopeless();
    this.#replan();
    return Promise.resolve();
  }

  async removePool(environmentId: string): Promise<void> {
    const pool = this.#pools.get(environmentId);
    if (pool === undefined) return;
    this.#pools.delete(environmentId);
    pool.claims.refuseAll(noInstance("the environment's pool was removed"));
    await Promise.all(pool.empty().map(({ id }) => this.end(id, idleGraceMs)));
  }

  async claim(environmentId: string, signal: AbortSignal): Promise<ClusterInstance> {
    signal.throwIfAborted();
    const pool = this.#pools.get(environmentId);
    if (pool === undefined) throw noInstance("the environment has no pool");
    const [warm] = pool.warm;
    if (warm !== undefined) return this.#take(pool, warm);
    if (pool.isHopeless && pool.starting.size <= pool.claims.size) throw noInstance(pool.refusal ?? "");
    const claimed = pool.claims.wait(signal);
    this.#replan();
    return claimed;
  }

  async specialize({ id }: ClusterInstance, request: SpecializeRequest, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const instance = this.#instances.get(id);
    if (instance === undefined || this.#book.find(id)?.state !== "SPECIALIZING") {
      throw noInstance("the instance is gone or has its function already");
    }
    await instance.specialize(request, signal);
    if (instance.isEnding || instance.isDead) throw noInstance("the instance has ended");
    this.#book.specialized(id, request);
  }

  async end(instanceId: string, graceMs: number): Promise<void> {
    const instance = this.#instances.get(instanceId);
    if (instance === undefined) return;
    this.#pools.get(instance.environmentId)?.forget(instance);
    if (this.#book.find(instanceId)?.state === "READY") this.#book.update(instanceId, { state: "DRAINING" });
    await instance.end(graceMs);
    // Told before whoever asked for the end goes on.
    this.#gone(instance, "");
  }

  /** Kills an instance's process group at once, as the kernel would; for an operator, and for tests of crashes. */
  kill(instanceId: string): void {
    this.#instances.get(instanceId)?.signal("SIGKILL");
  }

  watch(onChange: (change: InstanceChange) => void): Watching {
    return this.#book.watch(onChange);
  }

  logs(onOutput: (output: InstanceOutput) => void): Stoppable {
    return this.#readers.add(onOutput);
  }

  health(): readonly PoolHealth[] {
    return [...this.#pools].map(([environmentId, { problem }]) => ({ environmentId, problem }));
  }

  /** Not below a folder that an instance may still change (see InstanceFolder). */
  async #removeTemporaryDir(): Promise<void> {
    const { temporaryDir = null, instancesDir = "" } = this.#workplace ?? {};
    if (temporaryDir === null) return;
    await rmdir(instancesDir).then(
      () => rm(temporaryDir, { recursive: true, force: true }),
      () => {},
    );
  }

  /** Looks at what there is and what is wanted, and starts and ends instances accordingly. */
  #replan(): void {
    if (this.#isStopping) return;
    const { maxInstances, parallelStarts = defaultParallelStarts } = this.options;
    this.#retryLater();
    const ending = [...this.#instances.values()].filter(({ isEnding, isDead }) => isEnding || isDead).length;
    const machine = { instances: this.#instances.size, ending, maxInstances, parallelStarts };
    const plan = planPools(
      [...this.#pools.values()].map(({ state }) => state),
      machine,
    );
    const full = noInstance(`all ${maxInstances} instances that this machine may run are in use`);
    for (const id of plan.refuse) this.#pools.get(id)?.claims.refuseAll(full);
    for (const [id, count] of plan.end) {
      for (const instance of [...(this.#pools.get(id)?.warm ?? [])].slice(0, count))
        void this.end(instance.id, idleGraceMs);
    }
    for (const id of plan.start) void this.#start(id);
  }

  /**
   * A pool whose runtime has died at its start is looked at again when its wait is over. To be called before planning: a
   * wait that ends in between is then looked at once too often, not never.
   */
  #retryLater(): void {
    const waits = [...this.#pools.values()].map(({ retryInMs }) => retryInMs).filter((ms) => ms > 0);
    this.#retry?.stop();
    if (waits.length > 0) this.#retry = this.options.clock.after(Math.min(...waits) + 1, () => this.#replan());
  }

  async #start(environmentId: string): Promise<void> {
    const pool = this.#pools.get(environmentId);
    const instance = pool === undefined ? undefined : this.#create(pool);
    if (pool === undefined || instance === undefined) return;
    try {
      const address = await instance.start(() => this.#died(instance));
      if (instance.isEnding || instance.isDead || !pool.starting.delete(instance)) return;
      pool.succeeded();
      pool.warm.add(instance);
      this.#book.update(instance.id, { state: "WARM", address });
      const serve = pool.warm.has(instance) ? pool.claims.next() : undefined;
      serve?.(this.#take(pool, instance));
    } catch (error) {
      if (pool.starting.delete(instance) && !instance.isEnding) this.#failed(pool, error as Error);
    }
    this.#replan();
  }

  #create(pool: LocalPool): LocalInstance | undefined {
    const { runtime, memoryLimit, environment } = pool;
    if (this.#tools === undefined || runtime === undefined) return undefined;
    const { id: environmentId, contract } = environment;
    const instance = new LocalInstance({ environmentId, contract, runtime, memoryLimit }, this.#tools);
    pool.starting.add(instance);
    this.#instances.set(instance.id, instance);
    void instance.gone.then((reason) => this.#gone(instance, reason));
    this.#book.add({
      id: instance.id,
      environmentId,
      template: templateOf(environment),
      contract,
      state: "STARTING",
      address: null,
      startedAt: this.options.clock.now(),
      specializedFor: null,
      problem: null,
    });
    return instance;
  }

  #take(pool: LocalPool, instance: LocalInstance): ClusterInstance {
    pool.warm.delete(instance);
    const claimed = this.#book.update(instance.id, { state: "SPECIALIZING" });
    if (claimed === undefined) throw new AppError("INTERNAL", "A warm instance is in no book.");
    this.#refillLater();
    return claimed;
  }

  /** What a claim is for is more urgent than its replacement, whose start would take the processor away from it. */
  #refillLater(): void {
    this.#refill ??= this.options.clock.after(refillDelayMs, () => {
      this.#refill = undefined;
      this.#replan();
    });
  }

  #failed(pool: LocalPool, error: Error): void {
    const why = error.message;
    // Descriptors come free at any moment, and a start that finds none costs next to nothing.
    const isShort = outOfFiles(error) !== undefined;
    pool.failed(why, isShort ? shortRetryMs : undefined);
    if (!isShort || this.#shortage.isDue())
      this.options.logger.warn({ environment: pool.environment.name, why }, "an instance did not come up");
    this.#refuseHopeless();
  }

  /** Those who wait on a pool from which nothing is to be expected soon. */
  #refuseHopeless(): void {
    for (const pool of this.#pools.values()) {
      if (pool.isHopeless && pool.starting.size === 0) pool.claims.refuseAll(noInstance(pool.refusal ?? ""));
    }
  }

  /** The process has ended; nobody may be given it any more. */
  #died(instance: LocalInstance): void {
    this.#pools.get(instance.environmentId)?.warm.delete(instance);
  }

  #gone(instance: LocalInstance, reason: string): void {
    if (!this.#instances.delete(instance.id)) return;
    this.#pools.get(instance.environmentId)?.warm.delete(instance);
    this.#book.remove(instance.id, instance.isEnding ? undefined : reason);
    this.#replan();
  }
}
