/**
 * Instances as pods of a Kubernetes cluster.
 *
 * A pool is a Deployment. Whoever claims a pod has it in memory at once; a change of its labels a moment later takes it
 * out of the Deployment's sight, and the cluster refills the pool, with or without this process. Guarantees, beyond the
 * port's:
 * - an instance is its pod's UID, so a pod that is made anew under an old name is another instance;
 * - labels say what a pod should be, its runtime what it is; a pod on which the two differ is deleted, at start too;
 * - whatever the API does (away, hanging, losing events), every call here ends in time, and what was missed is made good
 *   by the next list; while it is away claims are refused, because whose a pod is could not be noted;
 * - stopping it ends nothing.
 */
import { AppError } from "../../errors/app-error.js";
import { FetcherSigner } from "../../fetcher/signature.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import type { Stoppable } from "../../lib/stoppable.js";
import type { Environment } from "../../model/environment.js";
import type {
  ClusterDriver,
  ClusterInstance,
  InstanceChange,
  InstanceOutput,
  PoolHealth,
  SpecializeRequest,
  Watching,
} from "../cluster-driver.js";
import { InstanceBook } from "../instance-book.js";
import { noInstance } from "../no-instance.js";
import type { OutputBounds } from "../output-reader.js";
import { OutputReaders } from "../output-readers.js";
import { unusable } from "../runtime-client.js";
import type { FetcherSettings } from "./fission-pod.js";
import type { KubeCalls } from "./fenced-kube-api.js";
import { hasStatus, inWords } from "./kube-error.js";
import { unavailable, type KubeInstance } from "./kube-instance.js";
import { KubePool } from "./kube-pool.js";
import { poolTemplate } from "./manifests.js";
import { PodFleet } from "./pod-fleet.js";
import { PodLogs } from "./pod-logs.js";
import { PoolDeployments } from "./pool-deployments.js";
import { hasForeignParts, templateRefusal, type DeploymentFacts } from "./read-deployment.js";

export interface KubernetesDriverOptions {
  readonly api: KubeCalls;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the pods are. Fermi has it for itself. */
  readonly namespace: string;
  readonly outputBounds: OutputBounds;
  /** For pods of Fission's contracts: Fermi's own image, null where none is known, and the installation's secret. */
  readonly fetcher: { readonly image: string | null; readonly secret: string };
  /** Up to when an instance's output was kept by the process before this one; undefined where none was. */
  readonly since: (instanceId: string) => Promise<Date | undefined>;
  /** How long a watch lasts before everything is listed anew. */
  readonly watchSeconds?: number;
}

const pulseMs = 1_000;
const probeTimeoutMs = 2_000;
/** What the retries of a call bridge. */
const toleratedOutageMs = 1_500;
/** Those who wait for a pod to start have time, and an API server with much to do may take some. */
const toleratedByWaitersMs = 3_000;
/** Before a pool that is not as wanted is written again where that failed. */
const repairRetryMs = 10_000;
/** Before another pod is tried where the cluster has refused one. */
const spareRetryMs = 5_000;

export class KubernetesDriver implements ClusterDriver {
  readonly outlivesProcess = true;
  readonly #book = new InstanceBook();
  readonly #pools = new Map<string, KubePool>();
  readonly #readers = new OutputReaders();
  readonly #deployments: PoolDeployments;
  readonly #pods: PodFleet;
  readonly #logs: PodLogs;
  readonly #listed: Promise<void>;
  readonly #fetcher: FetcherSettings;
  #pulse: { stop(): void } | undefined;
  #wasAway = false;
  #isStopping = false;

  constructor(private readonly options: KubernetesDriverOptions) {
    const { namespace, outputBounds: bounds } = options;
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const signer = new FetcherSigner(options.fetcher.secret);
    this.#fetcher = { image: options.fetcher.image, publicKey: signer.publicKey };
    let poolsListed = (): void => {};
    let podsListed = (): void => {};
    const known = [
      new Promise<void>((resolve) => (poolsListed = resolve)),
      new Promise<void>((resolve) => (podsListed = resolve)),
    ];
    this.#listed = Promise.all(known).then(() => undefined);
    this.#deployments = new PoolDeployments({
      ...options,
      onPresent: (facts) => this.#seePool(facts),
      onAbsent: (environmentId) => this.#missPool(environmentId),
      onListed: poolsListed,
    });
    this.#logs = new PodLogs({ ...options, path, bounds, onOutput: (output) => this.#readers.tell(output) });
    this.#pods = new PodFleet({
      ...options,
      path,
      signer,
      book: this.#book,
      findPool: (environmentId) => this.#pools.get(environmentId),
      addPool: (environmentId) => this.#pool(environmentId),
      onPool: (pool) => this.#settle(pool),
      onClaimed: (instance, isFresh) => this.#follow(instance, isFresh),
      onGone: ({ id }) => this.#logs.release(id),
      onAdopted: podsListed,
    });
  }

  /** Begins to watch. What is there already is known when `listed` of a watch resolves. */
  start(): void {
    this.#deployments.start();
    this.#pods.start();
    this.#beat();
  }

  /** Lets go of everything and ends nothing. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#pulse?.stop();
    for (const { claims } of this.#pools.values()) claims.refuseAll(noInstance("the server is stopping"));
    this.#logs.stop();
    await Promise.all([this.#deployments.stop(), this.#pods.stop()]);
  }

  async ensurePool(environment: Environment): Promise<void> {
    const pool = this.#pool(environment.id);
    pool.wanted = { environment, template: poolTemplate(environment, this.#fetcher) };
    await this.#write(pool);
  }

  async removePool(environmentId: string): Promise<void> {
    const pool = this.#pools.get(environmentId);
    if (pool === undefined) return;
    pool.wanted = undefined;
    pool.claims.refuseAll(noInstance("the environment's pool was removed"));
    await this.#write(pool);
  }

  async claim(environmentId: string, signal: AbortSignal): Promise<ClusterInstance> {
    signal.throwIfAborted();
    const pool = this.#pools.get(environmentId);
    if (pool?.wanted === undefined) throw noInstance("the environment has no pool");
    const refusal = this.#refusalIfAway(toleratedOutageMs);
    if (refusal !== undefined) throw refusal;
    if (pool.claims.size === 0 && pool.next !== undefined) return this.#take(pool, pool.next);
    if (pool.isHopeless) throw noInstance(pool.problem ?? "");
    const claimed = pool.claims.wait(signal);
    this.#settle(pool);
    return claimed;
  }

  async specialize({ id }: ClusterInstance, request: SpecializeRequest, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const instance = this.#pods.find(id);
    if (instance === undefined || this.#book.find(id)?.state !== "SPECIALIZING") {
      throw unusable("it is gone or has its function already");
    }
    await instance.specialize(request, signal);
    if (instance.isEnding || instance.isGone) throw unusable("it has ended");
    if (instance.noteRefusal !== undefined) throw unusable(instance.noteRefusal);
    this.#book.specialized(id, request);
  }

  async end(instanceId: string, graceMs: number): Promise<void> {
    const instance = this.#pods.find(instanceId);
    if (instance === undefined) return;
    await this.#pods.end(instance, graceMs);
  }

  watch(onChange: (change: InstanceChange) => void): Watching {
    const watching = this.#book.watch(onChange);
    return { stop: () => watching.stop(), listed: this.#listed };
  }

  logs(onOutput: (output: InstanceOutput) => void): Stoppable {
    const reading = this.#readers.add(onOutput);
    this.#logs.begin();
    return reading;
  }

  /** Pools that were found on the cluster are among them, whether their environment still exists or not. */
  health(): readonly PoolHealth[] {
    return [...this.#pools].map(([environmentId, { problem }]) => ({ environmentId, problem }));
  }

  #pool(environmentId: string): KubePool {
    const known = this.#pools.get(environmentId);
    if (known !== undefined) return known;
    const pool = new KubePool(environmentId);
    this.#pools.set(environmentId, pool);
    return pool;
  }

  /** Brings the cluster to what is wanted of the pool by then; one such write at a time, so that the last one counts. */
  #write(pool: KubePool): Promise<void> {
    const write = (): Promise<void> => this.#writeNow(pool);
    pool.written = pool.written.then(write, write);
    return pool.written;
  }

  async #writeNow(pool: KubePool): Promise<void> {
    const { environmentId } = pool;
    // Whatever is written may have the cluster delete pods, and it does not know yet who was claimed a moment ago.
    await this.#pods.secureClaimed(environmentId);
    const { wanted } = pool;
    try {
      if (wanted === undefined) await this.#deployments.remove(environmentId);
      else await this.#apply(pool, wanted);
      pool.templateRefusal = null;
    } catch (error) {
      if (!hasStatus(error, 400, 422)) throw unavailable(error);
      pool.templateRefusal = templateRefusal(inWords(error));
      throw noInstance(pool.templateRefusal);
    } finally {
      this.#settle(pool);
    }
    if (pool.isWanted) return;
    for (const instance of pool.unclaimed.values()) this.#pods.discard(instance);
    this.#pools.delete(environmentId);
  }

  /** What others have added to its pods stays where it is written, and goes where it is made anew, with those pods. */
  async #apply(pool: KubePool, { environment, template }: NonNullable<KubePool["wanted"]>): Promise<void> {
    let deployment = await this.#deployments.apply(environment, template);
    if (hasForeignParts(deployment)) {
      this.options.logger.warn({ environmentId: environment.id }, "somebody has changed a pool; it is made anew");
      for (const member of pool.members) this.#pods.discard(member);
      await this.#pods.secureClaimed(environment.id);
      await this.#deployments.remove(environment.id);
      deployment = await this.#deployments.apply(environment, template);
    }
    const { uid, generation } = deployment.metadata;
    pool.left = { uid, generation };
    pool.repairFailure = undefined;
  }

  #take(pool: KubePool, instance: KubeInstance): ClusterInstance {
    pool.unclaimed.delete(instance.id);
    const claimed = this.#book.update(instance.id, { state: "SPECIALIZING" });
    if (claimed === undefined) throw new AppError("INTERNAL", "A warm instance is in no book.");
    instance.claim();
    this.#follow(instance, true);
    return claimed;
  }

  /** Serves who waits, refuses who waits in vain, and has as many pods beside the pool as that takes. */
  #settle(pool: KubePool): void {
    if (this.#isStopping) return;
    for (let next = pool.next; next !== undefined && pool.claims.size > 0; next = pool.next) {
      pool.claims.next()?.(this.#take(pool, next));
    }
    if (pool.isHopeless) pool.claims.refuseAll(noInstance(pool.problem ?? ""));
    for (const spare of pool.surplus) this.#pods.discard(spare);
    for (let missing = pool.sparesMissing; missing > 0; missing--) void this.#addSpare(pool);
  }

  async #addSpare(pool: KubePool): Promise<void> {
    if (pool.wanted === undefined) return;
    pool.sparesOnTheirWay++;
    try {
      await this.#pods.createSpare(pool.wanted.environment, pool.wanted.template);
    } catch (error) {
      pool.spareRefusal = (error as Error).message;
      this.options.clock.after(spareRetryMs, () => (pool.spareRefusal = null));
    } finally {
      pool.sparesOnTheirWay--;
      this.#settle(pool);
    }
  }

  #seePool(facts: DeploymentFacts): void {
    const pool = this.#pool(facts.environmentId);
    pool.refusal = facts.refusal;
    pool.seen = facts;
    if (pool.needsRepair) this.#repairLater(pool);
    this.#settle(pool);
  }

  #missPool(environmentId: string): void {
    const pool = this.#pools.get(environmentId);
    if (pool?.wanted === undefined) return void this.#pools.delete(environmentId);
    pool.seen = undefined;
    this.#repairLater(pool);
  }

  /** What differs may be what is just being written, so it is looked at again then. */
  #repairLater(pool: KubePool, afterMs = pulseMs): void {
    if (pool.isRepairDue) return;
    pool.isRepairDue = true;
    this.options.clock.after(afterMs, () => {
      pool.isRepairDue = false;
      if (!pool.needsRepair || this.#isStopping) return;
      this.#write(pool).catch((error: unknown) => {
        const why = inWords(error);
        const { environmentId, repairFailure } = pool;
        pool.repairFailure = why;
        if (why !== repairFailure) this.options.logger.warn({ environmentId, why }, "a pool could not be repaired");
        this.#repairLater(pool, repairRetryMs);
      });
    });
  }

  #follow({ id, facts: { name } }: KubeInstance, isFresh: boolean): void {
    const since = isFresh ? (): Promise<undefined> => Promise.resolve(undefined) : () => this.options.since(id);
    this.#logs.follow({ id, name, since });
  }

  #refusalIfAway(toleratedMs: number): AppError | undefined {
    const { outage } = this.options.api;
    if (outage === undefined || outage.sinceMs <= toleratedMs) return undefined;
    return noInstance(`the Kubernetes API can't be reached (${outage.why})`);
  }

  #beat(): void {
    this.#pulse = this.options.clock.after(pulseMs, () => {
      this.#pods.sweep();
      const refusal = this.#refusalIfAway(toleratedByWaitersMs);
      for (const pool of this.#pools.values()) {
        if (refusal !== undefined) pool.claims.refuseAll(refusal);
        this.#settle(pool);
      }
      void this.#lookForApi().finally(() => {
        if (!this.#isStopping) this.#beat();
      });
    });
  }

  /**
   * While the API is away somebody has to find out when it is back; then nothing that was open before is trusted. While
   * somebody waits for a pod, that it is away at all: a watch that hangs says nothing for half a minute.
   */
  async #lookForApi(): Promise<void> {
    const { api } = this.options;
    const isAwaited = [...this.#pools.values()].some(({ claims }) => claims.size > 0);
    this.#wasAway ||= api.outage !== undefined;
    if (this.#wasAway || isAwaited) {
      await api.call({ method: "GET", path: "/version", timeoutMs: probeTimeoutMs }).catch(() => {});
    }
    if (!this.#wasAway || api.outage !== undefined) return;
    this.#wasAway = false;
    this.#deployments.refresh();
    this.#pods.refresh();
    this.#logs.refresh();
  }
}
