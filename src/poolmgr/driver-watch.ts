/** Takes in what the driver reports: what is there, what is gone and why, and what was there before this process was. */
import type { ClusterInstance, InstanceChange } from "../cluster/cluster-driver.js";
import type { Clock } from "../lib/clock.js";
import type { Fleet } from "./fleet.js";
import type { FunctionState } from "./function-state.js";
import type { InstanceDirectory } from "./instance-directory.js";
import type { Failure } from "./launch-gate.js";
import type { LivePoolView } from "./live-pool-view.js";
import type { Member } from "./member.js";
import type { EventListener } from "./pool-event.js";
import type { PoolMetrics } from "./pool-metrics.js";
import type { Retirer } from "./retirer.js";
import type { RouterRegistry } from "./router-registry.js";

export interface DriverWatchPorts {
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly directory: InstanceDirectory;
  readonly routers: RouterRegistry;
  readonly retirer: Retirer;
  readonly view: LivePoolView;
  readonly metrics: PoolMetrics;
  readonly onEvent: EventListener;
  /** An instance that was specialized before this process knew of it. */
  readonly onFound: (instance: ClusterInstance) => void;
  /** An instance has gone, so there may be room; `fn` is whose it was, where it was one's. */
  readonly onGone: (fn: FunctionState | undefined) => void;
}

/** An instance that ran for this long has shown that its version works. */
export const steadyAfterMs = 500;
/** Longer than code gets to load: an instance claimed that long ago by nobody we know is nobody's. */
const strayAfterMs = 45_000;

const crashOf = (reason: string): Failure => ({
  code: "FUNCTION_CRASHED",
  message: `The function crashes as soon as it runs: ${reason}.`,
});

export class DriverWatch {
  constructor(private readonly ports: DriverWatchPorts) {}

  receive({ type, instance, reason }: InstanceChange): void {
    const { clock, fleet, retirer, view } = this.ports;
    if (type === "GONE") {
      fleet.observed.delete(instance.id);
      view.touch(instance.environmentId);
      this.gone(instance.id, reason);
      return;
    }
    const firstSeenMs = fleet.observed.get(instance.id)?.firstSeenMs ?? clock.monotonicMs();
    fleet.observed.set(instance.id, { instance, firstSeenMs });
    view.touch(instance.environmentId);
    const member = fleet.member(instance.id);
    if (member !== undefined && instance.state === "DRAINING") retirer.retire(member);
    if (fleet.isLoaded) this.#adopt(instance);
  }

  /** Takes over every specialized instance that nobody here has to do with, wanted or not: requests may be under way in it. */
  adoptAll(): void {
    for (const { instance } of this.ports.fleet.observed.values()) this.#adopt(instance);
  }

  /** Ends what was claimed by somebody who never specialized it. */
  discardStrays(): void {
    const { clock, fleet, retirer } = this.ports;
    const nowMs = clock.monotonicMs();
    for (const { instance, firstSeenMs } of fleet.observed.values()) {
      if (instance.state !== "SPECIALIZING" || fleet.isKnown(instance.id)) continue;
      if (nowMs - firstSeenMs >= strayAfterMs + this.#busyMs(instance)) retirer.discard(instance.id);
    }
  }

  /** What was claimed for a function and does not answer may be busy with a request: it may be for so long. */
  #busyMs({ specializedFor }: ClusterInstance): number {
    const spec = this.ports.fleet.functions.get(specializedFor?.functionId ?? "")?.spec;
    return 1_000 * (spec?.settings.timeoutSeconds ?? 0);
  }

  /** Told by the driver, or known because it was ended. Does nothing the second time. */
  gone(instanceId: string, reason: string | undefined): void {
    const { fleet, directory, onGone } = this.ports;
    directory.remove(instanceId);
    const launch = fleet.specializing.get(instanceId);
    if (launch !== undefined) launch.lostBecause = reason ?? "it ended";
    const wasDiscarded = fleet.discarded.delete(instanceId);
    const member = fleet.member(instanceId);
    if (member !== undefined) this.#lose(member, reason);
    if (member !== undefined || wasDiscarded) onGone(member && fleet.function(member.facts.functionId));
  }

  /** The instance failed, which counts against its version when that has not shown yet that it works. */
  countCrash({ facts }: Member, reason: string): void {
    const { clock, fleet, metrics } = this.ports;
    const { functionId, version } = facts;
    const fn = fleet.function(functionId);
    const nowMs = clock.monotonicMs();
    const isSteady = [facts, ...fn.ready(version).map((member) => member.facts)].some(
      ({ readyAtMs }) => nowMs - readyAtMs >= steadyAfterMs,
    );
    if (isSteady) fn.gate(version).steady();
    else fn.gate(version).crashed(crashOf(reason), nowMs);
    metrics.failure(functionId, "FUNCTION_CRASHED");
  }

  #lose(member: Member, reason: string | undefined): void {
    const { fleet, routers, onEvent } = this.ports;
    const { id, functionId, version } = member.facts;
    fleet.remove(member);
    routers.gone(member, reason);
    if (member.drain.isAsked && !member.isSuspect) return;
    const why = reason ?? "a connection to it broke";
    onEvent(id, functionId, version, `The instance crashed and is replaced: ${why}.`);
    if (!member.isSuspect) this.countCrash(member, why);
    else if (reason !== undefined) fleet.function(functionId).gate(version).explain(crashOf(why));
  }

  #adopt(instance: ClusterInstance): void {
    const { fleet, retirer, onFound } = this.ports;
    if (instance.state !== "READY" || fleet.isKnown(instance.id)) return;
    const { specializedFor, address } = instance;
    if (specializedFor === null || address === null) retirer.discard(instance.id);
    else onFound(instance);
  }
}
