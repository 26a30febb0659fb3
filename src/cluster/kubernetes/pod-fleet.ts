/** All pods there are, from the moment they are seen to their end: what each is, and whose. */
import type { V1Pod } from "@kubernetes/client-node";
import { AppError } from "../../errors/app-error.js";
import type { FetcherSigner } from "../../fetcher/signature.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import type { Stoppable } from "../../lib/stoppable.js";
import type { Environment } from "../../model/environment.js";
import type { InstanceBook } from "../instance-book.js";
import type { RuntimeState } from "../runtime-client.js";
import type { KubeCalls } from "./fenced-kube-api.js";
import { KubeError } from "./kube-error.js";
import { KubeInstance, overdueMs, unavailable } from "./kube-instance.js";
import type { KubePool } from "./kube-pool.js";
import { sparePod, type PoolTemplate } from "./manifests.js";
import type { Pod } from "./pod.js";
import { labels, ownSelector } from "./pod-labels.js";
import { endReason } from "./pod-problem.js";
import { refusalInWords } from "./read-deployment.js";
import { readPod, toldOf, type PodFacts } from "./read-pod.js";
import { ResourceWatch } from "./resource-watch.js";

export interface PodFleetOptions {
  readonly api: KubeCalls;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the pods, such as /api/v1/namespaces/x/pods. */
  readonly path: string;
  readonly signer: FetcherSigner;
  readonly watchSeconds?: number;
  readonly book: InstanceBook;
  readonly findPool: (environmentId: string) => KubePool | undefined;
  /** Made where there is none: a pod was found in it. */
  readonly addPool: (environmentId: string) => KubePool;
  /** The pool's pods have changed. */
  readonly onPool: (pool: KubePool) => void;
  /** A pod was found that somebody has claimed before. */
  readonly onClaimed: (instance: KubeInstance, isFresh: boolean) => void;
  readonly onGone: (instance: KubeInstance) => void;
  /** All pods that there were at start are known, as far as they answer. */
  readonly onAdopted: () => void;
}

const noteAtStopMs = 2_000;
/** How long pods that were found at start are waited for; one that takes longer is told later. */
const adoptWithinMs = 3_000;

interface Past {
  readonly instance: KubeInstance;
  /** What it gets to end its requests; its own grace period where that is undefined. */
  graceSeconds: number | undefined;
  /** When the cluster is asked (again) to delete it, by the monotonic clock. */
  askAtMs: number;
}

export class PodFleet implements Stoppable {
  readonly #instances = new Map<string, KubeInstance>();
  /** Told to be gone, but the cluster still has something of them. */
  readonly #past = new Map<string, Past>();
  readonly #watch: ResourceWatch<Pod>;
  #adopting: Promise<unknown>[] | undefined = [];

  constructor(private readonly options: PodFleetOptions) {
    this.#watch = new ResourceWatch<Pod>({
      ...options,
      labelSelector: `${ownSelector},${labels.environment}`,
      onPresent: (pod) => this.#see(pod),
      onAbsent: (pod) => this.#miss(pod),
      onListed: () => this.#listed(),
    });
  }

  start(): void {
    this.#watch.start();
  }

  refresh(): void {
    this.#watch.refresh();
  }

  /** Whoever comes after this finds noted whose each pod is, where that can be had in a moment. */
  async stop(): Promise<void> {
    const noting = this.#unnoted().map((instance) => instance.untilNoted());
    const late = new Promise<void>((resolve) => void this.options.clock.after(noteAtStopMs, resolve));
    if (noting.length > 0) await Promise.race([Promise.allSettled(noting), late]);
    await this.#watch.stop();
  }

  find(id: string): KubeInstance | undefined {
    return this.#instances.get(id);
  }

  /** Tries again to delete what is to be deleted, by force where its node takes its time, and to have noted whose a pod is. */
  sweep(): void {
    const nowMs = this.options.clock.monotonicMs();
    for (const past of this.#past.values())
      if (past.askAtMs <= nowMs) this.#deleteUntilGone(past.instance, past.graceSeconds);
    for (const instance of this.#instances.values()) if (instance.lacksNote) this.#noteAgain(instance);
  }

  /**
   * Before the cluster is told to delete pods of a pool: that it does not delete one that somebody has. Rejects where it
   * can't be told whose they are.
   */
  async secureClaimed(environmentId: string): Promise<void> {
    const own = this.#unnoted().filter((instance) => instance.environmentId === environmentId);
    await Promise.all(
      own.map((instance) =>
        instance.untilNoted().catch((error: unknown) => {
          if (instance.noteRefusal === undefined) throw error;
        }),
      ),
    );
  }

  async createSpare(environment: Environment, template: PoolTemplate): Promise<void> {
    const { api, path } = this.options;
    const body: V1Pod = sparePod(environment, template);
    try {
      this.#see(await api.call<Pod>({ method: "POST", path, body }), false);
    } catch (error) {
      if (!(error instanceof KubeError) || error.isPassing) throw unavailable(error);
      throw new AppError("CLUSTER_UNAVAILABLE", refusalInWords(error.message), { cause: error });
    }
  }

  /** Resolves when it is gone, and everybody who watches has been told. */
  async end(instance: KubeInstance, graceMs: number): Promise<void> {
    const { book, findPool } = this.options;
    findPool(instance.environmentId)?.unclaimed.delete(instance.id);
    if (book.find(instance.id)?.state === "READY") book.update(instance.id, { state: "DRAINING" });
    await instance.end(graceMs);
    this.#remove(instance, "");
  }

  /** Ends one that nobody has, however often the cluster has to be asked. */
  discard(instance: KubeInstance): void {
    this.end(instance, 0).catch(() => {
      if (this.#instances.has(instance.id)) this.#drop(instance, "", 1);
    });
  }

  #unnoted(): KubeInstance[] {
    return [...this.#instances.values()].filter((instance) => {
      const state = this.options.book.find(instance.id)?.state;
      return !instance.isNoted && !instance.isEnding && state !== "STARTING" && state !== "WARM";
    });
  }

  /** One that serves and that the cluster takes for another's, for good, ends its requests and goes. */
  #noteAgain(instance: KubeInstance): void {
    const { book, logger } = this.options;
    const why = instance.noteRefusal;
    if (why === undefined) return void instance.untilNoted().catch(() => {});
    if (book.find(instance.id)?.state !== "READY") return;
    logger.warn({ pod: instance.facts.name, why }, "a pod serves that can't be kept; it is replaced");
    book.update(instance.id, { state: "DRAINING" });
  }

  #see(pod: Pod, isNews = true): void {
    const facts = readPod(pod);
    if (facts === undefined || this.#past.has(facts.id)) return;
    const known = this.#instances.get(facts.id);
    if (known !== undefined && isNews) this.#follow(known, pod, facts);
    if (known !== undefined || facts.isDeleting) return;
    const { api, clock, path, signer } = this.options;
    const instance = new KubeInstance(facts, { api, clock, path, signer });
    // Nobody else deletes it: the cluster keeps what has ended.
    if (facts.isOver) this.#deleteUntilGone(instance, 1);
    else this.#find(instance, pod, facts);
  }

  #find(instance: KubeInstance, pod: Pod, facts: PodFacts): void {
    const { clock, addPool } = this.options;
    this.#instances.set(facts.id, instance);
    instance.see(pod, facts);
    if (facts.isClaimed) {
      clock.after(adoptWithinMs, () => this.#enter(instance, "SPECIALIZING"));
    } else {
      addPool(facts.environmentId).unclaimed.set(facts.id, instance);
      this.#enter(instance, "STARTING");
    }
    const asking = this.#ask(instance);
    this.#adopting?.push(asking);
  }

  /** One that was claimed and does not answer, as code that is busy can't, is told as what nobody has made ready. */
  #enter({ id, facts, problem, isGone }: KubeInstance, state: "STARTING" | "SPECIALIZING"): void {
    if (isGone || this.options.book.find(id) !== undefined) return;
    this.options.book.add(toldOf(facts, { state, problem }));
  }

  #follow(instance: KubeInstance, pod: Pod, facts: PodFacts): void {
    const before = instance.problem;
    const hadHost = instance.facts.host !== null;
    instance.see(pod, facts);
    if (instance.hasCrashed && !instance.isEnding) return this.#drop(instance, instance.endedBecause ?? "ended", 1);
    if (facts.isOver) return this.#over(instance, endReason(pod) ?? "was ended by the cluster");
    if (facts.isDeleting && !instance.isEnding) this.#deleting(instance);
    if (facts.host !== null && !hadHost) void this.#ask(instance);
    if (instance.problem !== before) this.options.book.update(facts.id, { problem: instance.problem });
    this.#tellPool(instance);
  }

  /** Not by us. One that serves may finish its requests; the others are of no use to anybody. */
  #deleting(instance: KubeInstance): void {
    const { book } = this.options;
    const state = book.find(instance.id)?.state;
    if (state === "READY") book.update(instance.id, { state: "DRAINING" });
    else if (state !== "DRAINING") this.#remove(instance, "was deleted by the cluster");
  }

  #over(instance: KubeInstance, reason: string): void {
    if (instance.facts.isDeleting) this.#remove(instance, reason);
    else this.#drop(instance, reason, 1);
  }

  #drop(instance: KubeInstance, reason: string, graceSeconds: number | undefined): void {
    this.#remove(instance, reason);
    this.#deleteUntilGone(instance, graceSeconds);
  }

  /** What the pod itself says decides what it is; until it has an address there is nobody to ask. */
  async #ask(instance: KubeInstance): Promise<void> {
    if (instance.facts.host === null) return;
    const state = await instance.ask().catch(() => undefined);
    if (state === undefined || instance.isGone) return;
    if (instance.facts.isClaimed) this.#adopt(instance, state);
    else this.#warm(instance, state);
  }

  #warm(instance: KubeInstance, state: RuntimeState): void {
    if (instance.isEnding) return;
    // Whoever claimed it has ended since, before the cluster had noted it. Requests may be under way in it.
    if (state.state !== "generic") return this.#contradicts(instance, "is in a pool, but has a function", undefined);
    instance.isWarm = true;
    this.options.book.update(instance.id, { state: "WARM", address: instance.facts.address, problem: null });
    this.#tellPool(instance);
  }

  #adopt(instance: KubeInstance, state: RuntimeState): void {
    const { book, onClaimed } = this.options;
    const { id, specializedFor } = instance.facts;
    const isAsLabelled =
      state.state === "specialized" &&
      state.functionId === specializedFor?.functionId &&
      state.version === specializedFor.version;
    if (!isAsLabelled) return this.#contradicts(instance, "is labelled for a function that it does not have", 1);
    // It would refuse every request; those that others have sent it may end.
    if (instance.hasForeignKey) return this.#contradicts(instance, "has a key of another secret", undefined);
    const ready = toldOf(instance.facts, { state: "READY", problem: null });
    if (book.find(id) === undefined) book.add(ready);
    else book.update(id, ready);
    onClaimed(instance, false);
  }

  #contradicts(instance: KubeInstance, what: string, graceSeconds: number | undefined): void {
    this.options.logger.warn(
      { pod: instance.facts.name, what },
      "a pod is deleted, because it is not what it should be",
    );
    this.#drop(instance, what, graceSeconds);
  }

  /** Tried again at the next sweep where it fails. A pod that ended by itself may be about to start again: a node can take minutes then. */
  #deleteUntilGone(instance: KubeInstance, graceSeconds: number | undefined): void {
    const past: Past = { instance, graceSeconds, askAtMs: Infinity };
    this.#past.set(instance.id, past);
    const force = (seconds: number): void => {
      past.graceSeconds = 0;
      past.askAtMs = this.options.clock.monotonicMs() + seconds * 1_000 + overdueMs;
    };
    instance.delete(graceSeconds).then(
      () => graceSeconds !== undefined && force(graceSeconds),
      () => (past.askAtMs = 0),
    );
  }

  #tellPool({ environmentId }: KubeInstance): void {
    const pool = this.options.findPool(environmentId);
    if (pool !== undefined) this.options.onPool(pool);
  }

  #miss(pod: Pod): void {
    const instance = this.#instances.get(pod.metadata.uid);
    if (instance !== undefined) this.#remove(instance, endReason(pod) ?? "was deleted by the cluster");
    this.#past.delete(pod.metadata.uid);
  }

  #remove(instance: KubeInstance, reason: string): void {
    if (!this.#instances.delete(instance.id)) return;
    const { book, findPool, onGone } = this.options;
    this.#past.set(instance.id, { instance, graceSeconds: undefined, askAtMs: Infinity });
    findPool(instance.environmentId)?.unclaimed.delete(instance.id);
    instance.vanish(reason);
    // A router may tell of the broken connection, and have it ended, before the node tells of what broke it.
    book.remove(instance.id, instance.isEnding ? (instance.endedBecause ?? undefined) : reason);
    onGone(instance);
    this.#tellPool(instance);
  }

  #listed(): void {
    const { clock, onAdopted } = this.options;
    const adopting = this.#adopting;
    if (adopting === undefined) return;
    this.#adopting = undefined;
    const late = new Promise<void>((resolve) => void clock.after(adoptWithinMs, resolve));
    void Promise.race([Promise.all(adopting), late]).then(onAdopted);
  }
}
