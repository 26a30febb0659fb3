/**
 * The way in of an instance: looks at a function, launches what it lacks as far as there is room, and answers those who
 * wait for what can't be. What to do is decided by the plan-*.ts; this does it. Every method runs in the pool manager's
 * queue, so between two lines nothing changes but by what the lines do.
 */
import type { ClusterInstance } from "../cluster/cluster-driver.js";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import type { SerialQueue } from "../lib/serial-queue.js";
import { ClaimGates, planStalled, type StalledPools } from "./claim-gates.js";
import type { Fleet } from "./fleet.js";
import type { FunctionState } from "./function-state.js";
import { Launch, type LaunchPorts } from "./launch.js";
import type { Verdict } from "./launch-gate.js";
import { describeFailure, type EventListener } from "./pool-event.js";
import type { PoolMetrics } from "./pool-metrics.js";
import { planRoom, reservedPlaces, type RoomPlan } from "./plan-room.js";
import type { Want } from "./room.js";
import { planCallOffs, planLaunches, type Missing } from "./plan-scaling.js";
import type { Retirer } from "./retirer.js";
import type { Refusal, RouterRegistry } from "./router-registry.js";

export interface ScalerPorts {
  readonly clock: Clock;
  readonly queue: SerialQueue;
  readonly fleet: Fleet;
  readonly routers: RouterRegistry;
  readonly retirer: Retirer;
  readonly launching: Omit<LaunchPorts, "onStage">;
  readonly metrics: PoolMetrics;
  readonly maxInstances: number;
  readonly onEvent: EventListener;
  /** Of what an environment's instances are started by now. */
  readonly template: (environmentId: string) => string | undefined;
  /** An instance is the launch's from now on. */
  readonly onClaimed: (launch: Launch) => void;
  /** The instance serves from now on: make it a member. */
  readonly onReady: (launch: Launch, instance: ClusterInstance) => void;
}

export class Scaler {
  /** Functions that lack instances, by version. */
  readonly #wanting = new Map<FunctionState, Missing[]>();
  readonly #claimGates = new ClaimGates();
  readonly #launching: LaunchPorts;
  #claimsWaiting = 0;
  /** Set while somebody waits for room. */
  #turn: { stop(): void } | undefined;
  #mayLaunch = true;
  #isStopped = false;
  #onFinished: (() => void) | undefined;

  constructor(private readonly ports: ScalerPorts) {
    this.#launching = { ...ports.launching, onStage: (launch) => this.#onStage(launch) };
  }

  /** To be called whenever something has changed for the function. Idempotent. */
  look(fn: FunctionState): void {
    if (!this.#mayLaunch) return;
    const nowMs = this.#nowMs;
    for (const version of fn.demands.keys()) this.#refuseIfHopeless(fn, version, nowMs);
    this.#callOff(fn, nowMs);
    this.#lacks(fn, this.#missing(fn, nowMs));
    this.makeRoom();
  }

  /** Where several routers hold slots, some may have fewer requests in flight than they last said: they are asked first. */
  #missing(fn: FunctionState, nowMs: number): Missing[] {
    const missing = this.#permitted(fn, nowMs);
    const { routers } = this.ports;
    for (const version of fn.inquired) {
      const isNeeded = missing.some((want) => want.isAsked && want.version === version);
      if (!isNeeded && !fn.isAsking(version)) fn.inquired.delete(version);
    }
    const asked = missing.filter(({ version, isAsked }) => isAsked && routers.inquire(fn, version, nowMs));
    return asked.length === 0 ? missing : this.#permitted(fn, nowMs);
  }

  /** Those that were launched last go first; what has an instance goes on to its end. */
  #callOff(fn: FunctionState, nowMs: number): void {
    const scaled = fn.asScaled(nowMs, () => false);
    for (const version of fn.versionsOnTheirWay()) {
      const onTheirWay = [...fn.launches].filter((launch) => launch.version === version && !launch.isCancelled);
      const unclaimed = onTheirWay.filter(({ instance }) => instance === undefined).reverse();
      const count = planCallOffs(scaled, version, onTheirWay.length);
      for (const launch of unclaimed.slice(0, count)) launch.cancel();
    }
  }

  /** Launches what is lacking anywhere, as far as there is room, and sees to it that there will be some. */
  makeRoom(): void {
    this.#turn?.stop();
    this.#turn = undefined;
    if (!this.#mayLaunch || this.#wanting.size === 0) return;
    const { fleet, retirer } = this.ports;
    const stalled = planStalled(this.#launches(), this.#nowMs);
    const plan = this.#planRoom(stalled);
    // Whoever waits has more use for the place; the function whose launch it was will ask again.
    if (plan.againInMs !== undefined) for (const launch of stalled.surplus) launch.cancel();
    if (plan.againInMs !== undefined) this.#makeRoomAfter(plan.againInMs);
    for (const { functionId, ...launched } of plan.launches) {
      const fn = fleet.function(functionId);
      this.#reduce(fn, launched);
      for (let i = 0; i < launched.count; i++) this.#launch(fn, launched.version);
    }
    for (const id of plan.evictions) {
      const member = fleet.member(id);
      if (member !== undefined) retirer.evict(member);
    }
  }

  #planRoom({ environmentIds }: StalledPools): RoomPlan {
    const { fleet, maxInstances } = this.ports;
    const nowMs = this.#nowMs;
    const isHopeful = (fn: FunctionState, { version }: Missing): boolean =>
      !environmentIds.has(this.#environmentId(fn, version) ?? "");
    const wants = [...this.#wanting].flatMap(([fn, missing]) =>
      missing.filter((want) => isHopeful(fn, want)).map((want) => this.#want(fn, want)),
    );
    const free = maxInstances - fleet.claimed;
    const isShort = wants.reduce((sum, { count }) => sum + count, 0) > free;
    const occupants = isShort ? fleet.occupants(nowMs) : [];
    const reserve = reservedPlaces(maxInstances);
    return planRoom({ nowMs, free, reserve, wants, occupants, draining: fleet.draining(nowMs) });
  }

  /** A turn that ends is no event of its own. */
  #makeRoomAfter(ms: number): void {
    this.#turn = this.ports.clock.after(ms, () => this.ports.queue.post(() => this.makeRoom()));
  }

  /** The function is no more: what is on its way for it is not needed. */
  cancel(fn: FunctionState): void {
    this.#wanting.delete(fn);
    for (const launch of fn.launches) launch.cancel();
  }

  /** Launches nothing more, and cancels what is under way. */
  stop(): void {
    this.#isStopped = true;
    this.#beginNothing();
    for (const launch of this.#launches()) launch.cancel();
  }

  /** Launches nothing more. Resolves when every instance that has its code by now serves, or has failed. */
  finish(): Promise<void> {
    this.#beginNothing();
    for (const launch of this.#launches()) if (launch.instance === undefined) launch.cancel();
    return new Promise((resolve) => {
      this.#onFinished = resolve;
      this.#tellIfFinished();
    });
  }

  #beginNothing(): void {
    this.#mayLaunch = false;
    this.#turn?.stop();
    this.#wanting.clear();
    for (const fn of this.ports.fleet.functions.values()) fn.wake?.stop();
  }

  #launches(): Launch[] {
    return [...this.ports.fleet.functions.values()].flatMap(({ launches }) => [...launches]);
  }

  #tellIfFinished(): void {
    if (this.#launches().length === 0) this.#onFinished?.();
  }

  /** Answers who waits, unless instances are there that will serve them. */
  refuse(fn: FunctionState, version: number, refusal: Refusal): void {
    if (fn.ready(version).length === 0) this.ports.routers.refuse(fn, version, refusal);
  }

  #permitted(fn: FunctionState, nowMs: number): Missing[] {
    const permitted = new Map<number, number>();
    return planLaunches(fn.asScaled(nowMs, () => false, true)).flatMap(({ version, count, isAsked }) => {
      const verdict = this.#verdict(fn, version, nowMs);
      if (verdict.kind === "WAIT") this.#wakeAfter(fn, verdict.ms);
      if (verdict.kind !== "GO") return [];
      const gate = fn.gate(version);
      if (!gate.mayLaunchUnasked && !isAsked) return [];
      const before = permitted.get(version) ?? fn.launching(version);
      const more = Math.min(count, gate.atOnce - before);
      permitted.set(version, before + more);
      return more > 0 ? [{ version, count: more, isAsked }] : [];
    });
  }

  #verdict(fn: FunctionState, version: number, nowMs: number): Verdict {
    const environmentId = this.#environmentId(fn, version) ?? "";
    const gate = fn.gate(version).in(this.ports.template(environmentId));
    const closed = this.#claimGates.closed(environmentId, nowMs);
    return closed === undefined ? gate.verdict(nowMs) : { kind: "REFUSE", code: "CLUSTER_UNAVAILABLE", ...closed };
  }

  #environmentId({ id, spec }: FunctionState, version: number): string | undefined {
    if (spec?.currentVersionNumber === version) return spec.environmentId;
    return this.#launching.codes.peek(id, version)?.version.environmentId ?? spec?.environmentId;
  }

  #refuseIfHopeless(fn: FunctionState, version: number, nowMs: number): void {
    if (fn.waitingRouters(version).length === 0) return;
    const verdict = this.#verdict(fn, version, nowMs);
    if (verdict.kind !== "REFUSE") return;
    const isUndecided = verdict.code !== "LOAD_FAILED" && fn.launching(version) > 0;
    if (!isUndecided) this.refuse(fn, version, verdict);
  }

  #wakeAfter(fn: FunctionState, ms: number): void {
    fn.wake ??= this.ports.clock.after(ms, () => {
      fn.wake = undefined;
      this.ports.queue.post(() => this.look(fn));
    });
  }

  #want(fn: FunctionState, { version, count, isAsked }: Missing): Want {
    const sinceMs = fn.lackingSinceMs.get(version) ?? this.#nowMs;
    fn.lackingSinceMs.set(version, sinceMs);
    const serving = fn.ready(version).length + fn.launching(version);
    return { functionId: fn.id, version, count, isAsked, serving, holding: fn.holding, sinceMs };
  }

  #reduce(fn: FunctionState, { version, isAsked, count }: Missing): void {
    const isLaunched = (want: Missing): boolean => want.version === version && want.isAsked === isAsked;
    const left = (this.#wanting.get(fn) ?? [])
      .map((want) => (isLaunched(want) ? { ...want, count: want.count - count } : want))
      .filter(({ count }) => count > 0);
    // It has had a turn: what it lacks beyond that has waited from now on.
    fn.lackingSinceMs.delete(version);
    this.#lacks(fn, left);
  }

  #lacks(fn: FunctionState, missing: Missing[]): void {
    for (const version of [...fn.lackingSinceMs.keys()]) {
      if (missing.every((want) => want.version !== version)) fn.lackingSinceMs.delete(version);
    }
    if (missing.length === 0) this.#wanting.delete(fn);
    else this.#wanting.set(fn, missing);
  }

  #launch(fn: FunctionState, version: number): void {
    const { queue, fleet } = this.ports;
    if (fn.spec === undefined) return;
    const launch = new Launch(fn.spec, version, this.#nowMs);
    fleet.addLaunch(fn, launch);
    launch.run(this.#launching).then(
      (instance) => queue.post(() => this.#ready(fn, launch, instance)),
      (error: unknown) => queue.post(() => this.#failed(fn, launch, error)),
    );
  }

  #onStage(launch: Launch): void {
    if (launch.stage === "READY") return;
    this.#countClaims(launch.stage === "CLAIM" ? 1 : -1);
    if (launch.instance === undefined) return;
    this.ports.fleet.specializing.set(launch.instance.id, launch);
    this.ports.onClaimed(launch);
  }

  #countClaims(difference: 1 | -1): void {
    this.#claimsWaiting += difference;
    this.ports.metrics.claimsWaiting(this.#claimsWaiting);
  }

  #ready(fn: FunctionState, launch: Launch, instance: ClusterInstance): void {
    const { fleet, retirer, routers, metrics, onReady } = this.ports;
    if (launch.lostBecause !== undefined) {
      this.#failed(fn, launch, crashedWhileLoading(launch.lostBecause));
      return;
    }
    fleet.removeLaunch(fn, launch);
    this.#claimGates.succeeded(launch.environmentId);
    fn.gate(launch.version).loaded();
    if (this.#isStopped || fn.spec === undefined) {
      routers.failed(instance.id, launch.preparedFor);
      retirer.discard(instance.id);
    } else {
      onReady(launch, instance);
      metrics.coldStart(fn.id, this.#nowMs - launch.startedMs);
    }
    this.#tellIfFinished();
  }

  #failed(fn: FunctionState, launch: Launch, error: unknown): void {
    const { fleet, retirer, routers, metrics } = this.ports;
    fleet.removeLaunch(fn, launch);
    if (launch.instance !== undefined) routers.failed(launch.instance.id, launch.preparedFor);
    if (launch.stage === "CLAIM") this.#countClaims(-1);
    if (launch.instance !== undefined && launch.lostBecause === undefined) retirer.discard(launch.instance.id);
    if (!launch.isCancelled) {
      const failure = asFailure(error);
      metrics.failure(fn.id, failure.code);
      this.#remember(fn, launch, failure);
    }
    this.look(fn);
    this.#tellIfFinished();
  }

  #remember(fn: FunctionState, launch: Launch, failure: AppError): void {
    const gate = fn.gate(launch.version);
    const { code, message } = failure;
    if (launch.stage === "CLAIM") {
      const retryAfterMs = this.#claimGates.failed(launch.environmentId, message, this.#nowMs);
      if (fn.launching(launch.version) === 0) this.refuse(fn, launch.version, { code, message, retryAfterMs });
      return;
    }
    this.#claimGates.succeeded(launch.environmentId);
    const isOutdated =
      launch.stage === "SPECIALIZE" && launch.instance?.template !== this.ports.template(launch.environmentId);
    if (isOutdated) return;
    if (code !== "LOAD_FAILED") {
      gate.lost({ code, message }, this.#nowMs);
      if (launch.stage === "CODE") this.refuse(fn, launch.version, { code, message, retryAfterMs: 1_000 });
      return;
    }
    gate.loadFailed(message, this.#nowMs);
    this.ports.onEvent(launch.instance?.id, fn.id, launch.version, describeFailure(failure));
    for (const other of fn.launches) {
      if (other.version === launch.version && other.instance === undefined) other.cancel();
    }
  }

  get #nowMs(): number {
    return this.ports.clock.monotonicMs();
  }
}

const crashedWhileLoading = (reason: string): AppError =>
  new AppError("FUNCTION_CRASHED", `The instance was lost while it loaded the function: ${reason}.`);

const asFailure = (error: unknown): AppError =>
  error instanceof AppError ? error : new AppError("INTERNAL", "The instance could not be started.", { cause: error });
