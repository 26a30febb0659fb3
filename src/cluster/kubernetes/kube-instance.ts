import { AppError } from "../../errors/app-error.js";
import { canConnect } from "../../lib/can-connect.js";
import type { Clock } from "../../lib/clock.js";
import { abortReason, orAbort } from "../../lib/or-abort.js";
import { signatureHeader, type FetcherSigner } from "../../fetcher/signature.js";
import type { SpecializeRequest } from "../cluster-driver.js";
import { expectLoaded, RuntimeClient, unusable, type RuntimeAnswer, type RuntimeState } from "../runtime-client.js";
import { fetcherPort } from "./fission-pod.js";
import type { KubeCalls } from "./fenced-kube-api.js";
import { hasStatus, inWords, KubeError } from "./kube-error.js";
import { LoadWatch } from "./load-watch.js";
import { claimPatch, runtimePort } from "./manifests.js";
import type { Pod } from "./pod.js";
import { endReason, hasFailedByItself, startProblem } from "./pod-problem.js";
import type { PodFacts } from "./read-pod.js";

/** What pods of one driver have in common. */
export interface InstanceTools {
  readonly api: KubeCalls;
  readonly clock: Clock;
  /** Of the pods, such as /api/v1/namespaces/x/pods. */
  readonly path: string;
  /** For those that have a fetcher. By its public key the installation's secret is known, too. */
  readonly signer: FetcherSigner;
}

const firstProbePauseMs = 25;
const lastProbePauseMs = 500;
const probeTimeoutMs = 2_000;
/** How long a cold start takes at most as a rule; a claimer that specializes at once has the cluster note both in one change. */
const noteAfterMs = 25;
/** How long the cluster may take to note that a pod is taken, before whoever waits for that is refused. */
const noteWithinMs = 4_000;
const noteTimeoutMs = 2_000;
/** How long a pod whose connection broke is watched for its end, which then is the reason. */
const brokenMs = 4_000;
/** What the node gets, beyond the grace, to end a pod; then it is deleted whether the node answers or not. */
export const overdueMs = 15_000;
const lastWaitMs = 5_000;
/** Enough for a packet that is lost and sent again. */
const connectWithinMs = 3_000;

/** One pod from the moment it is first seen to its end. What it means for its pool and for others is the driver's affair. */
export class KubeInstance {
  /** Set when it was asked to end: its end is no surprise then. */
  isEnding = false;
  isGone = false;
  /** By its runtime's own word it is generic, or what its labels say. */
  hasAnswered = false;
  /** It is generic, so it may be claimed. */
  isWarm = false;
  /** Why it does not come up, in words. */
  problem: string | null = null;
  /** How it ended by itself, in words, also where it was asked to end before that was seen; null while it did not. */
  endedBecause: string | null = null;
  /** Why the cluster will never note whose it is, in words. */
  noteRefusal: string | undefined;
  /** Resolves when nothing of it runs any more, with why in words. */
  readonly gone: Promise<string>;
  #vanish: (reason: string) => void = () => {};
  /** What has ended it says nothing of its code where this is false. */
  #hasFailedByItself = false;
  #client: RuntimeClient | undefined;
  #endsWhenAnswered = 0;
  #wasReady = false;
  /** What the cluster is to note of whose it is. */
  #claim: object | undefined;
  #noting: Promise<void> | undefined;
  #isNoted = false;

  constructor(
    public facts: PodFacts,
    private readonly tools: InstanceTools,
  ) {
    this.gone = new Promise((resolve) => (this.#vanish = resolve));
  }

  get id(): string {
    return this.facts.id;
  }

  get environmentId(): string {
    return this.facts.environmentId;
  }

  /** The container that answered has ended. Kubernetes starts it again, but as one that knows nothing. */
  get hasCrashed(): boolean {
    return this.hasAnswered && this.facts.ends > this.#endsWhenAnswered;
  }

  /** Its node may have died. One that has just come up answers before its node tells that it is ready. */
  get isReadyNoMore(): boolean {
    return this.#wasReady && !this.facts.isReady;
  }

  see(pod: Pod, facts: PodFacts): void {
    this.facts = facts;
    this.#wasReady ||= facts.isReady;
    this.problem = this.hasAnswered ? null : startProblem(pod, this.problem);
    // The first one seen: what ends after that is the container that Kubernetes has started again.
    if (!this.hasCrashed || this.endedBecause !== null) return;
    this.endedBecause = endReason(pod);
    this.#hasFailedByItself = hasFailedByItself(pod);
  }

  /** It was given a key that nobody can make any more. Images of Fission's contracts demand none. */
  get hasForeignKey(): boolean {
    const { hasFetcher, installation } = this.facts;
    return !hasFetcher && installation !== undefined && installation !== this.tools.signer.publicKey;
  }

  /** Resolves with what the runtime says of itself once it answers; rejects when the pod is gone. */
  async ask(): Promise<RuntimeState> {
    for (let pauseMs = firstProbePauseMs; !this.isGone; pauseMs = Math.min(lastProbePauseMs, pauseMs * 2)) {
      const state = await this.#runtime()
        .state(AbortSignal.timeout(probeTimeoutMs))
        .catch(() => undefined);
      if (state !== undefined) {
        this.hasAnswered = true;
        this.problem = null;
        this.#endsWhenAnswered = this.facts.ends;
        return this.#hasForgotten ? { state: "generic" } : state;
      }
      await Promise.race([this.gone, this.#after(pauseMs)]);
    }
    throw unusable("it is gone");
  }

  /** A fetcher tells what it brought in; what the container beside it was when it ended since, it can't know. */
  get #hasForgotten(): boolean {
    const { hasFetcher, isClaimed, ends } = this.facts;
    return hasFetcher && isClaimed && ends > 0;
  }

  /**
   * Loads the code. The runtime refuses a second specialization, so nothing is mixed up whatever becomes of the note, for
   * which nobody waits. An image of Fission's contracts may take a second one and mix the two: there the note comes first.
   */
  async specialize(request: SpecializeRequest, signal: AbortSignal): Promise<void> {
    this.claim(request);
    if (this.facts.hasFetcher) await orAbort(this.note(), signal);
    await this.#load(request, signal);
    this.#client?.close();
  }

  /**
   * It is somebody's, which the cluster is told in a moment: the work that this makes there, a new pod's start above all,
   * would take the processor from the cold start that the claim is for.
   */
  claim(request?: SpecializeRequest): void {
    this.#claim = claimPatch(this.tools.signer.publicKey, request);
    this.#isNoted = false;
    this.tools.clock.after(noteAfterMs, () => {
      if (this.lacksNote) this.note().catch(() => {});
    });
  }

  /** The cluster knows all that there is to know of whose it is. */
  get isNoted(): boolean {
    return this.#claim === undefined ? this.facts.isClaimed : this.#isNoted;
  }

  /** It was claimed, the cluster does not know it, and nobody is just telling. */
  get lacksNote(): boolean {
    return !this.isNoted && this.#claim !== undefined && this.#noting === undefined && !this.isGone && !this.isEnding;
  }

  /**
   * Takes the pod out of its pool: resolves when the cluster takes it for its claimer's, rejects with CLUSTER_UNAVAILABLE
   * where that can't be had.
   */
  note(): Promise<void> {
    const claim = (this.#claim ??= claimPatch(this.tools.signer.publicKey));
    const noting: Promise<void> = this.#patch(claim)
      .finally(() => {
        if (this.#noting === noting) this.#noting = undefined;
      })
      .then(() => {
        this.#isNoted ||= this.#claim === claim;
      });
    this.#noting = noting;
    return noting;
  }

  /** Resolves when the cluster knows whose it is, as far as it is anybody's; rejects where that can't be had. */
  async untilNoted(): Promise<void> {
    await this.#noting;
    if (!this.isNoted) await this.note();
  }

  /** Asks the cluster to end it, by force after the grace; resolves when it is gone. */
  async end(graceMs: number): Promise<void> {
    this.isEnding = true;
    await this.delete(Math.max(1, Math.ceil(graceMs / 1_000)));
    if (await this.#isGoneWithin(graceMs + overdueMs)) return;
    await this.delete(0);
    if (await this.#isGoneWithin(lastWaitMs)) return;
    throw new AppError("CLUSTER_UNAVAILABLE", "The instance did not end in time.");
  }

  /** It and no later pod of its name; within its own grace period where none is said. */
  async delete(gracePeriodSeconds?: number): Promise<void> {
    const grace = gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds };
    const body = { ...grace, preconditions: { uid: this.id } };
    try {
      await this.tools.api.call({ method: "DELETE", path: this.#path, body });
    } catch (error) {
      if (!hasStatus(error, 404, 409)) throw unavailable(error);
      this.vanish("was deleted");
    }
  }

  vanish(reason: string): void {
    this.isGone = true;
    this.#client?.close();
    this.#vanish(reason);
  }

  get #path(): string {
    return `${this.tools.path}/${this.facts.name}`;
  }

  #runtime(): RuntimeClient {
    const { host, hasFetcher } = this.facts;
    return (this.#client ??= new RuntimeClient(host ?? "", hasFetcher ? fetcherPort : runtimePort));
  }

  async #load(request: SpecializeRequest, signal: AbortSignal): Promise<void> {
    expectLoaded(await this.#post(JSON.stringify(request), signal));
  }

  async #post(body: string, signal: AbortSignal): Promise<RuntimeAnswer> {
    if (this.isGone || this.isEnding) throw unusable("it is gone");
    const lost = new AbortController();
    const watch = new LoadWatch(
      this.tools.clock,
      () => this.#canBeReached(),
      () => lost.abort(),
    ).start();
    try {
      return await this.#runtime().specialize(body, AbortSignal.any([signal, lost.signal]), this.#signed(body));
    } catch (error) {
      if (signal.aborted) throw abortReason(signal);
      if (lost.signal.aborted) throw unusable("it takes no connection any more", error);
      const how = await Promise.race([this.gone, this.#after(brokenMs)]);
      if (how === null || this.#wasAskedToEnd()) throw unusable("the connection to it broke", error);
      if (!this.#hasFailedByItself) throw unusable(`it ${how}`, error);
      throw new AppError("LOAD_FAILED", `the instance ended while it loaded the code: it ${how}`, { cause: error });
    } finally {
      watch.stop();
    }
  }

  #canBeReached(): Promise<boolean> {
    const { host, port } = this.#runtime();
    return canConnect({ host, port }, connectWithinMs);
  }

  #signed(body: string): Record<string, string> {
    return this.facts.hasFetcher ? { [signatureHeader]: this.tools.signer.sign(this.id, body) } : {};
  }

  #wasAskedToEnd(): boolean {
    return this.isEnding;
  }

  async #patch(body: object): Promise<void> {
    const beganMs = this.tools.clock.monotonicMs();
    for (let pauseMs = 50; !this.isGone && !this.isEnding; pauseMs *= 2) {
      try {
        const pod = await this.tools.api.call<Pod>({
          method: "PATCH",
          path: this.#path,
          contentType: "application/merge-patch+json",
          timeoutMs: noteTimeoutMs,
          body,
        });
        if (pod.metadata.uid !== this.id || pod.metadata.deletionTimestamp !== undefined) break;
        return;
      } catch (error) {
        if (hasStatus(error, 404)) break;
        const isLate = this.tools.clock.monotonicMs() - beganMs + pauseMs > noteWithinMs;
        if (!mayPass(error)) this.noteRefusal = "the cluster refuses to note whose it is";
        if (this.noteRefusal !== undefined || isLate) throw unavailable(error);
      }
      await this.#after(pauseMs);
    }
    this.noteRefusal = "the cluster is deleting it";
    throw unusable(this.noteRefusal);
  }

  async #isGoneWithin(ms: number): Promise<boolean> {
    return (await Promise.race([this.gone, this.#after(ms)])) !== null;
  }

  #after(ms: number): Promise<null> {
    return new Promise((resolve) => void this.tools.clock.after(ms, () => resolve(null)));
  }
}

const mayPass = (error: unknown): boolean => error instanceof KubeError && (error.isPassing || error.status === 409);

/** The cluster's own words stay in the cause: they have addresses in them. */
export const unavailable = (error: unknown): AppError => {
  const why = error instanceof KubeError && error.isAway ? "it can't be reached" : "it refuses what Fermi asks of it";
  return new AppError("CLUSTER_UNAVAILABLE", `The Kubernetes API is no help: ${why}.`, {
    cause: inWords(error),
    retryAfterSeconds: 1,
  });
};
