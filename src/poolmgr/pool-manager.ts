/**
 * Keeps warm pools as the environments say, pushes code into instances, and grants their slots to routers.
 *
 * Whatever happens (a router's word, a change at the driver, a changed desired state, time) is one task in one queue; it
 * changes what is known (fleet.ts), and then the function it concerns is looked at: pure functions (plan-*.ts) say what is
 * to be done, Scaler and Retirer do it. Level-triggered: nothing is lost by an event that is, because a pulse each second
 * and a slow reading of the desired state look at everything again. Warm calls never come here.
 */
import type { ClusterDriver } from "../cluster/cluster-driver.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { SerialQueue } from "../lib/serial-queue.js";
import type { Stoppable } from "../lib/stoppable.js";
import type { Check } from "../model/check.js";
import type { FunctionSpec, Variable } from "../model/function.js";
import type { PoolView } from "../model/pool-view.js";
import { CodeCache } from "./code-cache.js";
import { DesiredState } from "./desired-state.js";
import { DriverWatch, steadyAfterMs, type DriverWatchPorts } from "./driver-watch.js";
import { FairClaims } from "./fair-claims.js";
import { Fleet } from "./fleet.js";
import { FrontDesk, type FrontDeskPorts } from "./front-desk.js";
import type { FunctionState } from "./function-state.js";
import { InstanceDirectory, type InstanceIdentity } from "./instance-directory.js";
import { Intake } from "./intake.js";
import { LivePoolView } from "./live-pool-view.js";
import type { Member } from "./member.js";
import { planCheck } from "./plan-check.js";
import { planRetirements, supersededLingerMs } from "./plan-scaling.js";
import type { EventListener } from "./pool-event.js";
import { PoolKeeper } from "./pool-keeper.js";
import type { PoolMetrics } from "./pool-metrics.js";
import type { PoolSource } from "./pool-source.js";
import { comeBackMs, PoolmgrHub, type RouterDesk } from "./poolmgr-hub.js";
import { Retirer, type RetirerPorts } from "./retirer.js";
import { RouterRegistry } from "./router-registry.js";
import { Scaler, type ScalerPorts } from "./scaler.js";

export interface PoolManagerOptions {
  readonly driver: ClusterDriver;
  readonly source: PoolSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The secret of an instance. It follows from the id, so that whoever takes an instance over knows it. */
  readonly keyOf: (instanceId: string) => string;
  /** What Fermi itself tells a function's code through its environment. */
  readonly platformVariables?: (fn: FunctionSpec) => readonly Variable[];
  /** Instances that there may be in all, warm ones included; Infinity for no bound. */
  readonly maxInstances: number;
  /** Whether an instance takes connections at its host:port, as seen from here. Never rejects. */
  readonly reaches: (address: string) => Promise<boolean>;
  readonly codeCacheBytes: number;
  readonly metrics: PoolMetrics;
  /** Is told what a function's author has to know: its code does not load, an instance crashed, a request timed out. */
  readonly onEvent: EventListener;
}

const pulseMs = 1_000;
const stopWithinMs = 10_000;
const launchesFinishWithinMs = 5_000;
const readWithinMs = 1_000;

export class PoolManager implements Stoppable {
  readonly #queue: SerialQueue;
  readonly #fleet = new Fleet();
  readonly #directory: InstanceDirectory;
  readonly #view: LivePoolView;
  readonly #hub: PoolmgrHub;
  readonly #routers: RouterRegistry;
  readonly #keeper: PoolKeeper;
  readonly #retirer: Retirer;
  readonly #scaler: Scaler;
  readonly #desk: FrontDesk;
  readonly #watch: DriverWatch;
  readonly #intake: Intake;
  readonly #desired: DesiredState;
  #watching: Stoppable | undefined;
  #pulse: { stop(): void } | undefined;
  /** Set until who used found instances before has had time to come back. */
  #reserve: { stop(): void } | undefined;
  #stopped: Promise<void> | undefined;

  constructor(private readonly options: PoolManagerOptions) {
    const { driver, source, clock, logger, metrics, onEvent, keyOf, maxInstances, reaches } = options;
    const fleet = this.#fleet;
    const queue = new SerialQueue((error) => logger.error({ err: error }, "a task of the pool manager failed"));
    const codes = new CodeCache(source, options.codeCacheBytes);
    this.#queue = queue;
    this.#directory = new InstanceDirectory(clock);
    this.#view = new LivePoolView(fleet, clock, () => this.#keeper.problems());
    this.#hub = new PoolmgrHub(this.#reception(), queue, clock);
    const routers = (this.#routers = new RouterRegistry(this.#hub));
    this.#keeper = new PoolKeeper(driver, clock, logger, () => queue.post(() => this.#keepPools()));
    const retirer = (this.#retirer = new Retirer({ driver, clock, logger, queue, fleet, routers, ...this.#exits() }));
    const shared = { clock, queue, fleet, routers, retirer, metrics, onEvent, view: this.#view };
    const poolReady = (id: string): Promise<void> | undefined => this.#keeper.ready(id);
    const template = (id: string): string | undefined => this.#keeper.template(id);
    const { platformVariables } = options;
    const claims = new FairClaims(driver, ({ id }) => queue.post(() => retirer.discard(id)));
    const launching = {
      driver,
      claims,
      codes,
      clock,
      keyOf,
      poolReady,
      ...(platformVariables && { platformVariables }),
    };
    const limits = { maxInstances, template, launching };
    this.#scaler = new Scaler({ ...shared, ...limits, ...this.#entrances() });
    this.#desk = new FrontDesk({ ...shared, reaches, scaler: this.#scaler, ...this.#concerns() });
    this.#watch = new DriverWatch({ ...shared, directory: this.#directory, ...this.#entrances() });
    // After what else is found now: nothing is launched for what is about to be taken over.
    const onMember = (fn: FunctionState, then: () => void): void =>
      queue.post(() => {
        this.#desk.settle(fn);
        then();
      });
    this.#intake = new Intake({ ...shared, directory: this.#directory, keyOf, onMember });
    const onRead = (changed: readonly FunctionState[]): void => this.#onRead(changed);
    this.#desired = new DesiredState({ source, clock, logger, queue, fleet, codes, onRead });
  }

  /** For routers, those of this process and what carries the messages of others. */
  get hub(): PoolmgrHub {
    return this.#hub;
  }

  /** Routers may come: all is known, and it is not about to stop. */
  get isServing(): boolean {
    return this.#hub.isOpen && this.#stopped === undefined;
  }

  /** Resolves when it serves for the first time. */
  get serving(): Promise<void> {
    return this.#hub.opened;
  }

  get view(): PoolView {
    return this.#view;
  }

  /** Whether pools and `minInstances` are as they should be. */
  get check(): Check {
    const { driver, maxInstances } = this.options;
    const problems = this.#fleet.asProblems(driver.health());
    return planCheck({ problems, maxInstances, ...this.#fleet.asChecked() });
  }

  /** Whose the instance is, or was within the last minute. */
  identify(instanceId: string): InstanceIdentity | undefined {
    return this.#directory.identify(instanceId);
  }

  /** Resolves when all instances are known, the desired state was read for the first time and pools are being filled. */
  async start(): Promise<void> {
    const watching = this.options.driver.watch((change) => this.#queue.post(() => this.#watch.receive(change)));
    this.#watching = watching;
    this.#beat();
    // What is there comes first: nothing is launched for what may run already.
    await watching.listed;
    if (this.#stopped !== undefined) return;
    this.#queue.post(() => this.#letRoutersInIfNew());
    await this.#desired.start();
  }

  /** Resolves when what is desired was read after this call, or could not be read. */
  refresh(): Promise<void> {
    return this.#desired.ask();
  }

  /**
   * Launches nothing more. Where instances outlive the process everything stays as it is, for the next one, and what is
   * being launched gets five seconds to be served; else every instance is ended, within ten. Routers of this process are
   * to be stopped before.
   */
  stop(): Promise<void> {
    return (this.#stopped ??= this.options.driver.outlivesProcess ? this.#handOver() : this.#endAll());
  }

  /** Somebody else leads: stops without doing anything to anybody. */
  abandon(): Promise<void> {
    return (this.#stopped ??= this.#letGo());
  }

  async #endAll(): Promise<void> {
    const { driver } = this.options;
    this.#pulse?.stop();
    this.#scaler.stop();
    this.#hub.close();
    const fleet = this.#fleet;
    const ids = [...fleet.members]
      .map(({ id }) => id)
      .concat([...fleet.specializing.keys(), ...fleet.discarded.keys()]);
    const graceMs = stopWithinMs / 2;
    await this.#within(stopWithinMs, [this.#keeper.removeAll(), ...ids.map((id) => driver.end(id, graceMs))]);
    await this.#letGo();
  }

  async #handOver(): Promise<void> {
    this.#pulse?.stop();
    await this.#within(launchesFinishWithinMs, [this.#scaler.finish()]);
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    this.#pulse?.stop();
    this.#reserve?.stop();
    this.#retirer.stop();
    this.#scaler.stop();
    this.#keeper.stop();
    this.#hub.close();
    await this.#within(readWithinMs, [this.#desired.stop()]);
    await this.#watching?.stop();
    this.#view.stop();
  }

  async #within(ms: number, work: readonly Promise<unknown>[]): Promise<void> {
    let timer: { stop(): void } | undefined;
    const deadline = new Promise<void>((resolve) => (timer = this.options.clock.after(ms, resolve)));
    await Promise.race([Promise.allSettled(work), deadline]);
    timer?.stop();
  }

  /** The parts need each other; what is not made yet when it is handed over is looked up when it is called. */
  #reception(): RouterDesk {
    return {
      joined: (id, holdings) => this.#desk.joined(id, holdings),
      received: (id, message, seen) => this.#desk.received(id, message, seen),
      lost: (id) => this.#desk.lost(id),
      left: (id) => this.#desk.left(id),
    };
  }

  #exits(): Pick<RetirerPorts, "onEnded" | "onChange"> {
    return { onEnded: (id) => this.#watch.gone(id, undefined), onChange: (id) => this.#view.touch(id) };
  }

  #entrances(): Pick<ScalerPorts, "onClaimed" | "onReady"> & Pick<DriverWatchPorts, "onFound" | "onGone"> {
    return {
      onClaimed: (launch) => {
        this.#intake.claimed(launch);
        this.#keepPools();
      },
      onReady: (launch, instance) => this.#intake.launched(launch, instance),
      onFound: (instance) => this.#intake.found(instance),
      onGone: (fn) => this.#onGone(fn),
    };
  }

  #concerns(): Pick<FrontDeskPorts, "onUnknown" | "onSuspect" | "onAwaited"> {
    return {
      onAwaited: (fn, version) => this.#intake.awaited(fn, version),
      onUnknown: (fn) => this.#askAgain(fn),
      onSuspect: (member) => this.#watch.countCrash(member, "a connection to it broke"),
    };
  }

  #beat(): void {
    this.#pulse = this.options.clock.after(pulseMs, () => {
      this.#queue.post(() => this.#lookAtAll());
      this.#beat();
    });
  }

  #lookAtAll(): void {
    this.#watch.discardStrays();
    for (const [id, isBeingEnded] of this.#fleet.discarded) if (!isBeingEnded) this.#retirer.discard(id);
    for (const member of this.#fleet.members) this.#retirer.endIfDrained(member);
    for (const fn of this.#fleet.functions.values()) {
      const isAsleep = fn.holding === 0 && fn.demands.size === 0 && !fn.spec?.settings.minInstances;
      if (!isAsleep) this.#settle(fn);
      if (fn.isForgettable) this.#fleet.functions.delete(fn.id);
    }
    // A pool can come to have a problem without a change in any instance: none may be allowed any more.
    for (const environmentId of this.#fleet.environments.keys()) this.#view.touch(environmentId);
    this.#keepPools();
  }

  #settle(fn: FunctionState): void {
    const nowMs = this.options.clock.monotonicMs();
    for (const { state, facts } of fn.members) {
      if (state === "READY" && nowMs - facts.readyAtMs >= steadyAfterMs) fn.gate(facts.version).steady();
    }
    fn.forgetQuietVersions();
    this.#retire(fn);
    if (!fn.isContent) this.#desk.settle(fn);
  }

  #retire(fn: FunctionState): void {
    if (!this.#fleet.isLoaded) return;
    const isOutdated = ({ facts }: Member): boolean => this.#keeper.isOutdated(facts.environmentId, facts.template);
    for (const { instanceId } of planRetirements(fn.asScaled(this.options.clock.monotonicMs(), isOutdated))) {
      const member = this.#fleet.member(instanceId);
      if (member?.isReserved === false) this.#retirer.retire(member);
    }
  }

  #keepPools(): void {
    if (!this.#fleet.isLoaded) return;
    this.#keeper.keep([...this.#fleet.environments.values()], this.options.maxInstances - this.#fleet.claimed);
  }

  #onRead(changed: readonly FunctionState[]): void {
    this.#keepPools();
    this.#watch.adoptAll();
    for (const environmentId of this.#fleet.environments.keys()) this.#view.touch(environmentId);
    for (const fn of changed) {
      if (fn.spec === undefined) this.#forget(fn);
      else for (const member of fn.members) member.adopt(fn.spec.settings);
      this.#settle(fn);
    }
    const settleChanged = (): void => changed.forEach((fn) => this.#settle(fn));
    this.#letRoutersIn();
    if (changed.length > 0) this.options.clock.after(supersededLingerMs, () => this.#queue.post(settleChanged));
  }

  /**
   * Nothing is there from before, be it of an earlier term of this process, so no router holds what it may keep. Where the
   * store is away, those who wait are told that, rather than that nobody leads.
   */
  #letRoutersInIfNew(): void {
    if (!this.options.driver.outlivesProcess && this.#fleet.observed.size === 0) this.#letRoutersIn();
  }

  /** What is there and what is desired is known, so that no router is told to drop what it may keep. */
  #letRoutersIn(): void {
    if (this.#hub.isOpen || this.#stopped !== undefined) return;
    this.#hub.begin();
    const endReserve = (): void => {
      this.#intake.endReserve();
      for (const fn of this.#fleet.functions.values()) this.#settle(fn);
    };
    this.#reserve = this.options.clock.after(comeBackMs, () => this.#queue.post(endReserve));
  }

  /** Requests for a deleted function have nothing to wait for. */
  #forget(fn: FunctionState): void {
    this.#scaler.cancel(fn);
    const { problem } = this.#desired;
    const { code, message } = problem ?? { code: "NOT_FOUND" as const, message: "The function does not exist." };
    for (const version of fn.demands.keys()) this.#routers.refuse(fn, version, { code, message, retryAfterMs: 1_000 });
  }

  /** A router may know of a function earlier than poolmgr does: its requests wait until that has looked. */
  #askAgain(fn: FunctionState): void {
    const answer = (): void => {
      if (fn.spec === undefined) this.#forget(fn);
      else this.#settle(fn);
    };
    void this.#desired.ask().then(() => this.#queue.post(answer));
  }

  #onGone(fn: FunctionState | undefined): void {
    // Who waits comes before pools are filled: a warm instance of another environment would only have to give way again.
    if (fn === undefined) this.#scaler.makeRoom();
    else this.#desk.settle(fn);
    this.#keepPools();
  }
}
