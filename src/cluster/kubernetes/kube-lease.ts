/**
 * Leadership by a coordination.k8s.io Lease.
 *
 * Every write names the version it was decided on, so that of two who try one fails. A holder is sure of itself for less
 * time after its last renewal was sent than others wait after they have seen it, both by monotonic clocks, so their terms
 * can't overlap, however long a process or a call is held up.
 */
import type { Clock } from "../../lib/clock.js";
import type { Leadership } from "../../lib/leadership.js";
import type { Logger } from "../../lib/logger.js";
import type { KubeApi } from "./kube-api.js";
import { hasStatus, inWords } from "./kube-error.js";
import { givenUp, holderOf, isFree, look, takenBy, type Lease, type LeaseSight } from "./plan-lease.js";

export interface KubeLeaseOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespace: string;
  readonly name: string;
  /** Of this process and no other, a restarted one included; shown to people. */
  readonly identity: string;
}

/** How long others wait after the last renewal they have seen. */
const leaseSeconds = 10;
/** How long the holder is sure of itself after it sent its last renewal. */
const sureForMs = 8_000;
const renewEachMs = 2_000;
const standbyEachMs = 1_000;
/** So that a call that hangs leaves time for another. */
const callTimeoutMs = 2_500;
/** After a term that ended by itself, others have the first go. */
const restMs = 5_000;

export class KubeLease implements Leadership {
  #sight: LeaseSight | undefined;
  #sureUntilMs = -Infinity;
  #renewedMs = -Infinity;
  #problem: string | undefined;
  #running: Promise<void> | undefined;
  #isStopping = false;
  #lost: AbortController | undefined;
  #deadline: { stop(): void } | undefined;
  #wake: () => void = () => {};

  constructor(private readonly options: KubeLeaseOptions) {}

  get isHeld(): boolean {
    return this.#nowMs < this.#sureUntilMs;
  }

  start(term: (signal: AbortSignal) => Promise<void>): void {
    this.#running ??= this.#run(term);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#lost?.abort(new Error("the process is stopping"));
    this.#wake();
    await this.#running;
  }

  describe(): string {
    const problem = this.#problem === undefined ? "" : ` (${this.#problem})`;
    const { name, identity } = this.options;
    if (this.isHeld) {
      const ago = ((this.#nowMs - this.#renewedMs) / 1_000).toFixed(1);
      return `This process (${identity}) holds the lease ${name}, renewed ${ago} s ago${problem}.`;
    }
    const holder = this.#sight === undefined ? "" : holderOf(this.#sight.lease);
    if (holder === "" || holder === identity) return `Nobody is known to hold the lease ${name}${problem}.`;
    return `${holder} holds the lease ${name}; this process stands by${problem}.`;
  }

  get #nowMs(): number {
    return this.options.clock.monotonicMs();
  }

  async #run(term: (signal: AbortSignal) => Promise<void>): Promise<void> {
    while (!this.#isStopping) {
      const isWon = await this.#try(() => this.#contend());
      if (isWon) await this.#reign(term);
      else await this.#sleep(standbyEachMs);
    }
  }

  async #reign(term: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { logger } = this.options;
    const lost = (this.#lost = new AbortController());
    let isOver = false;
    const reigning = this.#settle(term, lost.signal).then(() => {
      isOver = true;
      this.#wake();
    });
    this.#watchDeadline();
    if (this.#isStopping) lost.abort(new Error("the process is stopping"));
    while (await this.#rest(() => isOver)) {
      if (this.isHeld) await this.#try(() => this.#renew());
    }
    await reigning;
    this.#deadline?.stop();
    this.#lost = undefined;
    if (!this.isHeld) return;
    await this.#try(() => this.#giveUp());
    if (this.#isStopping) return;
    logger.warn({ lease: this.options.name }, "the leader's work ended by itself; the leadership is given up");
    await this.#sleep(restMs);
  }

  async #settle(term: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await term(signal);
    } catch (error) {
      if (!signal.aborted) this.options.logger.error({ err: error }, "the leader's work failed");
    }
  }

  /** Until the next renewal; false once there is none to make. */
  async #rest(isOver: () => boolean): Promise<boolean> {
    if (!isOver()) await this.#sleep(renewEachMs);
    return !isOver();
  }

  /** Whether it is ours now. */
  async #contend(): Promise<boolean> {
    const sight = (this.#sight = await this.#see());
    // Our own name in it is a renewal that arrived after the term it was for.
    const isOurs = holderOf(sight.lease) === this.options.identity;
    if (!isOurs && !isFree(sight, leaseSeconds, this.#nowMs)) return false;
    await this.#write(takenBy(this.options.identity, sight.lease, this.options.clock.now(), leaseSeconds));
    return this.isHeld;
  }

  async #renew(): Promise<boolean> {
    const { identity, clock } = this.options;
    const known = this.#sight?.lease;
    if (known === undefined || this.#problem !== undefined) this.#sight = await this.#see();
    const lease = this.#sight?.lease;
    if (lease === undefined || holderOf(lease) !== identity) {
      this.#lose("somebody else has taken the lease");
      return false;
    }
    await this.#write(takenBy(identity, lease, clock.now(), leaseSeconds));
    return true;
  }

  async #giveUp(): Promise<boolean> {
    const lease = this.#sight?.lease;
    this.#sureUntilMs = -Infinity;
    if (lease !== undefined) this.#sight = look(undefined, await this.#put(givenUp(lease)), this.#nowMs);
    return true;
  }

  /** The lease as it is, made where there is none. */
  async #see(): Promise<LeaseSight> {
    const { api, namespace, name } = this.options;
    const read = (): Promise<Lease> => api.call<Lease>({ method: "GET", path: this.#path, timeoutMs: callTimeoutMs });
    const make = (): Promise<Lease> => {
      const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace }, spec: {} };
      return api.call<Lease>({ method: "POST", path: this.#folder, body, timeoutMs: callTimeoutMs });
    };
    const lease = await read().catch((error: unknown) => {
      if (hasStatus(error, 404)) return make();
      throw error;
    });
    return look(this.#sight, lease, this.#nowMs);
  }

  async #write(lease: Lease): Promise<void> {
    const sentMs = this.#nowMs;
    this.#sight = look(undefined, await this.#put(lease), this.#nowMs);
    const isTooLate = this.#lost?.signal.aborted === true && !this.#isStopping;
    if (isTooLate) return;
    this.#renewedMs = sentMs;
    this.#sureUntilMs = sentMs + sureForMs;
    if (this.#lost !== undefined) this.#watchDeadline();
  }

  #put(body: Lease): Promise<Lease> {
    return this.options.api.call<Lease>({ method: "PUT", path: this.#path, body, timeoutMs: callTimeoutMs });
  }

  /** What fails is tried again at the next beat; a holder that goes on failing runs into its deadline. */
  async #try(attempt: () => Promise<boolean>): Promise<boolean> {
    try {
      const isDone = await attempt();
      this.#problem = undefined;
      return isDone;
    } catch (error) {
      const problem = inWords(error);
      // Of two who try one is told that it came late: the rule, not a problem, and looked at anew.
      if (!hasStatus(error, 409) && problem !== this.#problem) {
        this.options.logger.warn({ lease: this.options.name, problem }, "the lease can't be had or kept; tried again");
      }
      this.#problem = problem;
      return false;
    }
  }

  #watchDeadline(): void {
    this.#deadline?.stop();
    const leftMs = Math.max(0, this.#sureUntilMs - this.#nowMs);
    this.#deadline = this.options.clock.after(leftMs, () => this.#lose("it could not be renewed in time"));
  }

  #lose(why: string): void {
    this.#sureUntilMs = -Infinity;
    if (this.#lost?.signal.aborted !== false) return;
    this.options.logger.warn({ lease: this.options.name, why }, "the leadership was lost");
    this.#lost.abort(new Error(`the leadership was lost: ${why}`));
  }

  #sleep(ms: number): Promise<void> {
    if (this.#isStopping && this.#lost === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.options.clock.after(ms, resolve);
      this.#wake = () => {
        timer.stop();
        resolve();
      };
    });
  }

  get #folder(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${this.options.namespace}/leases`;
  }

  get #path(): string {
    return `${this.#folder}/${this.options.name}`;
  }
}
