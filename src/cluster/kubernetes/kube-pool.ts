import type { Environment } from "../../model/environment.js";
import { ClaimQueue } from "../claim-queue.js";
import type { ClusterInstance } from "../cluster-driver.js";
import type { KubeInstance } from "./kube-instance.js";
import type { PoolTemplate } from "./manifests.js";
import type { DeploymentFacts, DeploymentState } from "./read-deployment.js";
import { isMadeFrom } from "./same-image.js";

/** Pods beside the pool that are being started at once. */
const maxSpares = 16;

/** One environment's pods that nobody has claimed, who waits for one, and why none comes up. */
export class KubePool {
  readonly claims = new ClaimQueue<ClusterInstance>();
  readonly unclaimed = new Map<string, KubeInstance>();
  /** As it was last asked for; undefined for a pool that was found on the cluster and that nobody has asked for yet. */
  wanted: { readonly environment: Environment; readonly template: PoolTemplate } | undefined;
  /** The last of the writes that were begun; settles when the cluster has taken it, or not. */
  written: Promise<void> = Promise.resolve();
  /** Its Deployment as it was left by the last write; undefined before the first. */
  left: DeploymentState | undefined;
  /** Its Deployment as it was seen last; undefined while none was. */
  seen: DeploymentFacts | undefined;
  isRepairDue = false;
  /** Why it could not be repaired the last time, as it was logged. */
  repairFailure: string | undefined;
  /** Why the cluster makes no pods at all, in words. */
  refusal: string | null = null;
  /** What the cluster says against what the pool's pods are to be made from. */
  templateRefusal: string | null = null;
  /** Why the last spare could not be made; none is tried until it is forgotten. */
  spareRefusal: string | null = null;
  /** Spares that have been asked for and not been seen yet. */
  sparesOnTheirWay = 0;

  constructor(readonly environmentId: string) {}

  get isWanted(): boolean {
    return this.wanted !== undefined;
  }

  /**
   * The cluster's Deployment is not what is wanted. Whatever of it somebody else has changed shows in its generation, in
   * which changes of its status don't count; an earlier one is only late news of what has been written over since.
   */
  get needsRepair(): boolean {
    const { wanted, seen, left } = this;
    if (wanted === undefined || seen?.isDeleting === true) return false;
    if (seen === undefined) return true;
    const isLeft = left === undefined || (seen.uid === left.uid && seen.generation <= left.generation);
    return !isLeft || seen.replicas !== wanted.environment.poolSize || seen.template !== wanted.template.hash;
  }

  /** Why it can't be filled, in words, or null. */
  get problem(): string | null {
    return (
      this.templateRefusal ??
      this.refusal ??
      this.spareRefusal ??
      this.#starting.find(({ problem }) => problem !== null)?.problem ??
      null
    );
  }

  /** Whether a claim that finds nothing warm is to be refused rather than wait. */
  get isHopeless(): boolean {
    const hasHope = this.sparesOnTheirWay > 0 || this.#starting.some(({ problem }) => problem === null);
    return this.problem !== null && !hasHope;
  }

  /**
   * The instance that the next claim gets. While there are more pods than the pool is to have, the cluster is about to
   * delete some of them, and nobody knows which: then only spares are handed out.
   */
  get next(): KubeInstance | undefined {
    const ready = this.#current.filter(({ isWarm, isReadyNoMore }) => isWarm && !isReadyNoMore);
    const spare = ready.find(({ facts }) => facts.isSpare);
    const members = this.#current.filter(({ facts }) => !facts.isSpare).length;
    const isShrinking = members > (this.wanted?.environment.poolSize ?? 0);
    return spare ?? (isShrinking ? undefined : ready[0]);
  }

  /** How many more pods beside the pool it takes to serve everybody who waits: the pool itself is refilled by the cluster. */
  get sparesMissing(): number {
    if (this.wanted === undefined || this.spareRefusal !== null || this.isHopeless) return 0;
    // The cluster replaces those of a node that has died only when it gives them up.
    const lost = this.members.filter(({ isReadyNoMore }) => isReadyNoMore).length;
    const wanted = Math.min(maxSpares, this.claims.size - this.wanted.environment.poolSize + lost);
    return wanted - this.#spares.length - this.sparesOnTheirWay;
  }

  /** Of the pods that the cluster keeps for the pool, those that nobody has. */
  get members(): KubeInstance[] {
    return [...this.unclaimed.values()].filter(({ facts }) => !facts.isSpare);
  }

  /** Spares that nobody waits for any more, or that are of an old template, and what came up with an image that is not the pool's. */
  get surplus(): KubeInstance[] {
    const isCurrent = new Set(this.#current);
    const [useful, outdated] = [
      this.#spares.filter((spare) => isCurrent.has(spare)),
      this.#spares.filter((spare) => !isCurrent.has(spare)),
    ];
    const strange = this.members.filter(
      (member) => member.isWarm && this.#isCurrentByName(member) && !isCurrent.has(member),
    );
    return [...strange, ...outdated, ...useful.slice(this.claims.size)];
  }

  get #spares(): KubeInstance[] {
    return [...this.unclaimed.values()].filter(({ facts, isEnding }) => facts.isSpare && !isEnding);
  }

  /** Those that may be handed out once they are warm. */
  get #current(): KubeInstance[] {
    const { wanted } = this;
    if (wanted === undefined) return [];
    return [...this.unclaimed.values()].filter(
      (instance) => this.#isCurrentByName(instance) && isMadeFrom(instance.facts.images, wanted.template.spec),
    );
  }

  /** By its label, which pods of a Deployment have that somebody has changed, too. */
  #isCurrentByName({ facts, isEnding }: KubeInstance): boolean {
    return facts.template === this.wanted?.template.hash && !facts.isDeleting && !isEnding;
  }

  get #starting(): KubeInstance[] {
    return this.#current.filter(({ isWarm }) => !isWarm);
  }
}
