/**
 * Keeps warm pools as the environments say, pushes code into instances, and grants their slots to routers.
 *
 * Whatever happens (a router's word, a change at the driver, a changed desired state, time) is one task in one queue; it
 * changes what is known (fleet.ts), and then the function it concerns is looked at: pure functions (plan-*.ts) say what is
 * to be done, Scaler and Retirer do it. Level-triggered: nothing is lost by an event that is, because a pulse each second
 * and a slow reading of the desired state look at everything again. Warm calls never come here.
 */
import type { ClusterDriver, ClusterInstance } from "../cluster/cluster-driver.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { SerialQueue } from "../lib/serial-queue.js";
import type { Stoppable } from "../lib/stoppable.js";
import type { PoolView } from "../model/pool-view.js";
import { CodeCache } from "./code-cache.js";
import { DesiredState } from "./desired-state.js";
import { DriverWatch, steadyAfterMs, type DriverWatchPorts } from "./driver-watch.js";
import { Fleet } from "./fleet.js";
import { FrontDesk, type FrontDeskPorts } from "./front-desk.js";
import type { FunctionState } from "./function-state.js";
import { InstanceDirectory, type InstanceIdentity } from "./instance-directory.js";
import type { Launch } from "./launch.js";
import { LivePoolView } from "./live-pool-view.js";
import { Member, type MemberFacts } from "./member.js";
import { templateOf } from "./plan-pools.js";
import { planRetirements, supersededLingerMs } from "./plan-scaling.js";
import type { EventListener } from "./pool-event.js";
import { PoolKeeper } from "./pool-keeper.js";
import type { PoolMetrics } from "./pool-metrics.js";
import type { PoolSource } from "./pool-source.js";
import { PoolmgrHub, type RouterDesk } from "./poolmgr-hub.js";
import { Retirer, type RetirerPorts } from "./retirer.js";
import type { PoolmgrLink } from "./router-link.js";
import { RouterRegistry } from "./router-registry.js";
import { Scaler, type ScalerPorts } from "./scaler.js";

export interface PoolManagerOptions {
  readonly driver: ClusterDriver;
  readonly source: PoolSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The secret of an instance. It follows from the id, so that whoever takes an instance over knows it. */
  readonly keyOf: (instanceId: string) => string;
  /** Instances that there may be in all, warm ones included; Infinity for no bound. */
  readonly maxInstances: number;
  readonly codeCacheBytes: number;
  readonly metrics: PoolMetrics;
  /** Is told what a function's author has to know: its code does not load, an instance crashed, a request timed out. */
  readonly onEvent: EventListener;
}

const pulseMs = 1_000;
const stopWithinMs = 10_000;

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
  readonly #desired: DesiredState;
  #watching: Stoppable | undefined;
  #pulse: { stop(): void } | undefined;
  #stopped: Promise<void> | undefined;

  constructor(private readonly options: PoolManagerOptions) {
    const { driver, source, clock, logger, metrics, onEvent, keyOf, maxInstances } = options;
    const fleet = this.#fleet;
    const queue = new SerialQueue((error) => logger.error({ err: error }, "a task of the pool manager failed"));
    const codes = new CodeCache(source, options.codeCacheBytes);
    this.#queue = queue;
    this.#directory = new InstanceDirectory(clock);
    this.#view = new LivePoolView(fleet, clock);
    this.#hub = new PoolmgrHub(this.#reception(), queue, clock);
    const routers = (this.#routers = new RouterRegistry(this.#hub));
    this.#keeper = new PoolKeeper(driver, clock, logger, () => queue.post(() => this.#keepPools()));
    const retirer = (this.#retirer = new Retirer({ driver, clock, logger, queue, fleet, routers, ...this.#exits() }));
    const shared = { clock, queue, fleet, routers, retirer, metrics, onEvent, view: this.#view };
    const poolReady = (id: string): Promise<void> | undefined => this.#keeper.ready(id);
    const limits = { maxInstances, launching: { driver, codes, clock, keyOf, poolReady } };
    this.#scaler = new Scaler({ ...shared, ...limits, ...this.#entrances() });
    this.#desk = new FrontDesk({ ...shared, scaler: this.#scaler, ...this.#concerns() });
    this.#watch = new DriverWatch({ ...shared, directory: this.#directory, ...this.#entrances() });
    const onRead = (changed: readonly FunctionState[]): void => this.#onRead(changed);
    this.#desired = new DesiredState({ source, clock, logger, queue, fleet, codes, onRead });
  }

  /** For routers of this process. */
  get link(): PoolmgrLink {
    return this.#hub;
  }

  get view(): PoolView {
    return this.#view;
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
    this.#hub.begin();
    await this.#desired.start();
  }

  /** Resolves when what is desired was read after this call, or could not be read. */
  refresh(): Promise<void> {
    return this.#desired.ask();
  }

  /** Launches nothing more and ends every instance, within ten seconds. Routers are to be stopped before. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    const { driver, clock } = this.options;
    this.#pulse?.stop();
    this.#scaler.stop();
    this.#hub.close();
    const desired = this.#desired.stop();
    const fleet = this.#fleet;
    const ids = [...fleet.members]
      .map(({ id }) => id)
      .concat([...fleet.specializing.keys(), ...fleet.discarded.keys()]);
    const endings = [desired, this.#keeper.removeAll(), ...ids.map((id) => driver.end(id, stopWithinMs / 2))];
    let timer: { stop(): void } | undefined;
    const deadline = new Promise<void>((resolve) => (timer = clock.after(stopWithinMs, resolve)));
    await Promise.race([Promise.allSettled(endings), deadline]);
    timer?.stop();
    await this.#watching?.stop();
    this.#view.stop();
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
      onClaimed: (launch) => this.#onClaimed(launch),
      onReady: (launch, instance) => this.#onReady(launch, instance),
      onFound: (instance) => this.#onFound(instance),
      onGone: (fn) => this.#onGone(fn),
    };
  }

  #concerns(): Pick<FrontDeskPorts, "onUnknown" | "onSuspect"> {
    return {
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
    const isOutdated = ({ facts }: Member): boolean => {
      const template = this.#keeper.template(facts.environmentId);
      return template !== undefined && template !== facts.template;
    };
    for (const { instanceId } of planRetirements(fn.asScaled(this.options.clock.monotonicMs(), isOutdated))) {
      const member = this.#fleet.member(instanceId);
      if (member !== undefined) this.#retirer.retire(member);
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
      else for (const member of fn.members) member.limitTo(fn.spec.settings.requestsPerInstance);
      this.#settle(fn);
    }
    const settleChanged = (): void => changed.forEach((fn) => this.#settle(fn));
    if (changed.length > 0) this.options.clock.after(supersededLingerMs, () => this.#queue.post(settleChanged));
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

  #onClaimed(launch: Launch): void {
    const { instance, spec, version, environmentId } = launch;
    if (instance === undefined) return;
    launch.template = this.#keeper.template(environmentId) ?? "";
    this.#directory.add(instance.id, { functionId: spec.id, version, key: this.options.keyOf(instance.id) });
    this.#view.touch(environmentId);
    this.#keepPools();
  }

  #onReady({ spec, version, slots, template }: Launch, { id, address, environmentId }: ClusterInstance): void {
    const what = { id, environmentId, functionId: spec.id, version, address: address ?? "" };
    this.#welcome({ ...what, key: this.options.keyOf(id), slotsMax: slots, template });
  }

  /** Its idle clock starts now. */
  #onFound({ id, address, environmentId, specializedFor }: ClusterInstance): void {
    if (specializedFor === null || address === null) return;
    const { requestsPerInstance: slotsMax, ...target } = specializedFor;
    const whose = { ...target, key: this.options.keyOf(id) };
    this.#directory.add(id, whose);
    const environment = this.#fleet.environments.get(environmentId);
    const template = environment === undefined ? "" : templateOf(environment);
    this.#welcome({ id, environmentId, ...whose, address, slotsMax, template });
  }

  #welcome(facts: Omit<MemberFacts, "contract" | "specializedAt" | "readyAtMs">): void {
    const { clock } = this.options;
    const contract = this.#fleet.environments.get(facts.environmentId)?.contract ?? "FERMI";
    const member = new Member({ ...facts, contract, specializedAt: clock.now(), readyAtMs: clock.monotonicMs() });
    const fn = this.#fleet.function(facts.functionId);
    member.limitTo(fn.spec?.settings.requestsPerInstance ?? facts.slotsMax);
    this.#fleet.add(member);
    this.#view.touch(facts.environmentId);
    this.#desk.settle(fn);
  }

  #onGone(fn: FunctionState | undefined): void {
    // Who waits comes before pools are filled: a warm instance of another environment would only have to give way again.
    if (fn === undefined) this.#scaler.makeRoom();
    else this.#desk.settle(fn);
    this.#keepPools();
  }
}
