/**
 * The executable specification of ClusterDriver, and the cluster of every test that needs no real processes.
 *
 * Pools fill and claims are served within the call that makes it possible, unless a delay is asked for. Given `load`,
 * each instance is a real HTTP server on loopback and a specialization decides what it answers; without, addresses lead
 * nowhere. Faults are injected through the methods below the port's own.
 */
import type { RequestListener } from "node:http";
import { AppError } from "../../errors/app-error.js";
import { systemClock, type Clock } from "../../lib/clock.js";
import { newId } from "../../lib/new-id.js";
import { abortReason, orAbort } from "../../lib/or-abort.js";
import type { Stoppable } from "../../lib/stoppable.js";
import type { Environment } from "../../model/environment.js";
import { ClaimQueue } from "../claim-queue.js";
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
import { OutputReaders } from "../output-readers.js";
import { MemoryInstance } from "./memory-instance.js";

export interface MemoryDriverOptions {
  readonly clock?: Clock;
  /** What a specialized instance answers; what it throws is the load error. May stay pending. */
  readonly load?: (request: SpecializeRequest) => RequestListener | Promise<RequestListener>;
  /** How long an instance takes to come up; asked anew for each where it is a function. */
  readonly startDelayMs?: number | ((environment: Environment) => number);
  /** How long a specialization takes, likewise. */
  readonly specializeDelayMs?: number | ((request: SpecializeRequest) => number);
  /** Whether it is to be taken for a cluster that goes on without the process. */
  readonly outlivesProcess?: boolean;
  /** Images that can't run here. */
  readonly refuseImage?: (image: string) => string | undefined;
}

interface MemoryPool {
  environment: Environment;
  readonly claims: ClaimQueue<ClusterInstance>;
  /** Ids of instances that nobody has claimed. */
  readonly warm: Set<string>;
  readonly starting: Set<string>;
  problem: string | null;
}

export class MemoryDriver implements ClusterDriver, ImageCheck {
  readonly outlivesProcess: boolean;
  readonly #clock: Clock;
  readonly #book = new InstanceBook();
  readonly #pools = new Map<string, MemoryPool>();
  readonly #servers = new Map<string, MemoryInstance>();
  readonly #ends = new Map<string, Promise<void>>();
  readonly #readers = new OutputReaders();
  #specializeError: Error | null = null;
  /** Every specialization that was asked for, in order. */
  readonly specializations: SpecializeRequest[] = [];

  constructor(private readonly options: MemoryDriverOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.outlivesProcess = options.outlivesProcess ?? false;
  }

  ensurePool(environment: Environment): Promise<void> {
    const pool = this.#pools.get(environment.id);
    if (pool === undefined) {
      const claims = new ClaimQueue<ClusterInstance>();
      this.#pools.set(environment.id, { environment, claims, warm: new Set(), starting: new Set(), problem: null });
    } else {
      const isOutdated = templateOf(pool.environment) !== templateOf(environment);
      pool.environment = environment;
      if (isOutdated) void Promise.all(this.#endUnclaimed(pool, 0));
    }
    this.#fill(environment.id);
    return Promise.resolve();
  }

  async removePool(environmentId: string): Promise<void> {
    const pool = this.#pools.get(environmentId);
    if (pool === undefined) return;
    this.#pools.delete(environmentId);
    pool.claims.refuseAll(new AppError("CLUSTER_UNAVAILABLE", "The environment's pool was removed."));
    await Promise.all(this.#endUnclaimed(pool, 0));
  }

  async claim(environmentId: string, signal: AbortSignal): Promise<ClusterInstance> {
    signal.throwIfAborted();
    const pool = this.#pools.get(environmentId);
    if (pool === undefined) throw new AppError("CLUSTER_UNAVAILABLE", "The environment has no pool.");
    const [id] = pool.warm;
    if (id !== undefined) return this.#take(pool, id);
    if (pool.problem !== null) throw poolError(pool.problem);
    const claimed = pool.claims.wait(signal);
    this.#fill(environmentId);
    return claimed;
  }

  async specialize(instance: ClusterInstance, request: SpecializeRequest, signal: AbortSignal): Promise<void> {
    this.specializations.push(request);
    await this.#delay(delayOf(this.options.specializeDelayMs, request), signal);
    if (this.#specializeError !== null) throw this.#specializeError;
    this.#expectClaimed(instance.id);
    const listener = await this.#load(request, signal);
    this.#expectClaimed(instance.id);
    if (listener !== undefined) this.#servers.get(instance.id)?.serve(listener);
    this.#book.specialized(instance.id, request);
  }

  end(instanceId: string, graceMs: number): Promise<void> {
    const begun = this.#ends.get(instanceId);
    const instance = this.#book.find(instanceId);
    if (begun !== undefined || instance === undefined) return begun ?? Promise.resolve();
    if (instance.state === "READY") this.#book.update(instanceId, { state: "DRAINING" });
    const pool = this.#forget(instance);
    const ended = (this.#servers.get(instanceId)?.close(graceMs) ?? Promise.resolve()).then(() => {
      this.#ends.delete(instanceId);
      this.#servers.delete(instanceId);
      this.#book.remove(instanceId);
    });
    this.#ends.set(instanceId, ended);
    if (pool !== undefined) this.#fill(instance.environmentId);
    return ended;
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

  refuseImage(image: string): string | undefined {
    return this.options.refuseImage?.(image);
  }

  /** Ends every pool and instance. */
  async stop(): Promise<void> {
    await Promise.all([...this.#pools.keys()].map((id) => this.removePool(id)));
    await Promise.all(this.#book.ids.map((id) => this.end(id, 0)));
  }

  // Faults, for tests.

  /** No instance of the environment comes up from now on, for this reason; null ends it. */
  breakPool(environmentId: string, problem: string | null): void {
    const pool = this.#pools.get(environmentId);
    if (pool === undefined) return;
    pool.problem = problem;
    if (problem === null) this.#fill(environmentId);
    else pool.claims.refuseAll(poolError(problem));
  }

  /** Every specialization fails with this from now on; null ends it. */
  failSpecializations(error: Error | null): void {
    this.#specializeError = error;
  }

  /** The instance dies at once, its connections with it. */
  crash(instanceId: string, reason = "crashed"): void {
    const instance = this.#book.find(instanceId);
    if (instance === undefined) return;
    this.#forget(instance);
    this.#servers.get(instanceId)?.crash();
    this.#servers.delete(instanceId);
    this.#book.remove(instanceId, reason);
    this.#fill(instance.environmentId);
  }

  /** The instance prints one raw line. */
  print(instanceId: string, text: string, stream: InstanceOutput["stream"] = "STDOUT"): void {
    this.#readers.tell({ instanceId, stream, text, at: this.#clock.now() });
  }

  #fill(environmentId: string): void {
    const pool = this.#pools.get(environmentId);
    if (pool === undefined) return;
    for (const id of [...pool.warm].slice(pool.environment.poolSize)) void this.end(id, 0);
    if (pool.problem !== null) return;
    // A start that takes no time serves a claim at once, so what is wanted changes as instances come up.
    while (pool.warm.size + pool.starting.size < pool.environment.poolSize + pool.claims.size) this.#start(pool);
  }

  #start(pool: MemoryPool): void {
    const id = newId();
    const { environment } = pool;
    pool.starting.add(id);
    this.#book.add({
      id,
      environmentId: environment.id,
      template: templateOf(environment),
      contract: environment.contract,
      state: "STARTING",
      address: null,
      startedAt: this.#clock.now(),
      specializedFor: null,
      problem: null,
    });
    const { load } = this.options;
    const startDelayMs = delayOf(this.options.startDelayMs, environment);
    if (startDelayMs > 0) this.#clock.after(startDelayMs, () => this.#open(pool, id, load !== undefined));
    else this.#open(pool, id, load !== undefined);
  }

  #open(pool: MemoryPool, id: string, listens: boolean): void {
    if (!pool.starting.has(id)) return;
    if (!listens) return this.#warm(pool, id, "memory.invalid:80");
    const server = new MemoryInstance(this.#clock);
    this.#servers.set(id, server);
    void server.listen().then((address) => {
      if (pool.starting.has(id)) this.#warm(pool, id, address);
      else server.crash();
    });
  }

  #warm(pool: MemoryPool, id: string, address: string): void {
    pool.starting.delete(id);
    pool.warm.add(id);
    const instance = this.#book.update(id, { state: "WARM", address });
    // A watcher may have claimed or ended it while it was told.
    const serve = instance !== undefined && pool.warm.has(id) ? pool.claims.next() : undefined;
    serve?.(this.#take(pool, id));
    this.#fill(pool.environment.id);
  }

  #take(pool: MemoryPool, id: string): ClusterInstance {
    pool.warm.delete(id);
    const instance = this.#book.update(id, { state: "SPECIALIZING" });
    if (instance === undefined) throw new AppError("INTERNAL", "A warm instance is in no book.");
    this.#fill(pool.environment.id);
    return instance;
  }

  #forget(instance: ClusterInstance): MemoryPool | undefined {
    const pool = this.#pools.get(instance.environmentId);
    pool?.warm.delete(instance.id);
    pool?.starting.delete(instance.id);
    return pool;
  }

  #endUnclaimed(pool: MemoryPool, graceMs: number): Promise<void>[] {
    const ids = [...pool.warm, ...pool.starting];
    pool.warm.clear();
    pool.starting.clear();
    return ids.map((id) => this.end(id, graceMs));
  }

  #expectClaimed(id: string): void {
    const isClaimed = this.#book.find(id)?.state === "SPECIALIZING" && !this.#ends.has(id);
    if (!isClaimed)
      throw new AppError("CLUSTER_UNAVAILABLE", "The instance can't be specialized: it is gone or already is.");
  }

  async #load(request: SpecializeRequest, signal: AbortSignal): Promise<RequestListener | undefined> {
    try {
      return await orAbort(this.options.load?.(request), signal);
    } catch (error) {
      if (signal.aborted) throw abortReason(signal);
      throw new AppError("LOAD_FAILED", error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  async #delay(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (ms === 0) return;
    await orAbort(new Promise<void>((resolve) => void this.#clock.after(ms, resolve)), signal);
  }
}

const delayOf = <T>(delay: number | ((of: T) => number) | undefined, of: T): number =>
  typeof delay === "function" ? delay(of) : (delay ?? 0);

const poolError = (problem: string): AppError =>
  new AppError("CLUSTER_UNAVAILABLE", `No instance can be started: ${problem}`, { retryAfterSeconds: 1 });
