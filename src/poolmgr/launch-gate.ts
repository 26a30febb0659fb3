/**
 * What is remembered of a version's failures: whether another instance may be launched now, and what its waiters are told
 * if not. Code that does not load is not tried again and again; code that crashes as soon as it runs is tried ever more
 * slowly; one instance that was lost on the way costs nobody an error, and neither does code that answers some requests
 * and crashes at others.
 */
import type { ErrorCode } from "../errors/codes.js";
import { Backoff } from "../lib/backoff.js";

export type Verdict =
  | { readonly kind: "GO" }
  /** Waiters stay queued. */
  | { readonly kind: "WAIT"; readonly ms: number }
  | { readonly kind: "REFUSE"; readonly code: ErrorCode; readonly message: string; readonly retryAfterMs: number };

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** Until here a failure is taken for bad luck: waiters stay queued for the next attempt. */
const failuresForgiven = 2;
/** A version that has answered crashes for what it was asked; so many instances in a row that answered nothing say it is not that. */
const silentForgiven = 8;

export class LaunchGate {
  readonly #load = new Backoff(10_000, 300_000);
  readonly #lost = new Backoff(100, 30_000);
  /** Crashes of a version that answers. It goes on being started, but does not use up the machine. */
  readonly #crashed = new Backoff(100, 1_000);
  /** Instances that crashed since one has answered. */
  #silent = Infinity;
  /** Of the environment, as far as it is known (instance-template.ts). */
  #template: string | undefined;
  #loadMessage = "";
  #lastLost: Failure = { code: "CLUSTER_UNAVAILABLE", message: "" };

  /** What happened in an environment of another template says nothing of this one, and is forgotten. */
  in(template: string | undefined): this {
    if (template === undefined || template === this.#template) return this;
    this.#template = template;
    this.#load.succeed();
    this.steady();
    this.#silent = Infinity;
    return this;
  }

  /** The code does not load. Instances launched together fail together, and count once. */
  loadFailed(message: string, nowMs: number): void {
    this.#loadMessage = message;
    if (this.#load.remainingMs(nowMs) === 0) this.#load.fail(nowMs);
  }

  /** An instance was lost while it was specialized. Those lost during one pause count once. */
  lost(failure: Failure, nowMs: number): void {
    this.#lastLost = failure;
    if (this.#lost.remainingMs(nowMs) === 0) this.#lost.fail(nowMs);
  }

  /** An instance crashed soon after it was specialized. Those that crash during one pause count once. */
  crashed(failure: Failure, nowMs: number): void {
    this.#lastLost = failure;
    if (this.#lost.remainingMs(nowMs) > 0 || this.#crashed.remainingMs(nowMs) > 0) return;
    this.#silent++;
    if (this.#silent <= silentForgiven) this.#crashed.fail(nowMs);
    else this.#lost.fail(nowMs);
  }

  /** An instance has answered a request: the code runs. */
  answered(): void {
    this.#silent = 0;
    this.#lost.succeed();
  }

  /** Why the last one was lost is known better now. */
  explain(failure: Failure): void {
    if (this.#lost.failures > 0) this.#lastLost = failure;
  }

  /** The code has loaded. */
  loaded(): void {
    this.#load.succeed();
  }

  /** An instance has run long enough to say that the version works. */
  steady(): void {
    this.#lost.succeed();
    this.#crashed.succeed();
  }

  /** After failures it takes one instance to see whether it works now, not all that are missing. */
  get atOnce(): number {
    const isLost = Math.max(this.#lost.failures, this.#crashed.failures) > failuresForgiven;
    return this.#load.failures > 0 || isLost ? 1 : Infinity;
  }

  /** Launching to keep `minInstances`, with no caller, is no reason to try code that does not load again. */
  get mayLaunchUnasked(): boolean {
    return this.#load.failures === 0;
  }

  verdict(nowMs: number): Verdict {
    const loadMs = this.#load.remainingMs(nowMs);
    if (loadMs > 0) return { kind: "REFUSE", code: "LOAD_FAILED", message: this.#loadMessage, retryAfterMs: loadMs };
    const crashedMs = this.#crashed.remainingMs(nowMs);
    if (crashedMs > 0) return { kind: "WAIT", ms: crashedMs };
    const lostMs = this.#lost.remainingMs(nowMs);
    if (lostMs === 0) return { kind: "GO" };
    if (this.#lost.failures <= failuresForgiven) return { kind: "WAIT", ms: lostMs };
    return { kind: "REFUSE", ...this.#lastLost, retryAfterMs: lostMs };
  }
}
