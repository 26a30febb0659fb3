import type { ClusterInstance } from "../cluster/cluster-driver.js";
import type { Clock } from "../lib/clock.js";
import type { Fleet } from "./fleet.js";
import type { FunctionState } from "./function-state.js";
import type { InstanceDirectory } from "./instance-directory.js";
import type { Launch } from "./launch.js";
import type { LivePoolView } from "./live-pool-view.js";
import { settingLimits } from "../model/validate-function.js";
import { Member, type MemberFacts } from "./member.js";
import type { RouterRegistry } from "./router-registry.js";

export interface IntakePorts {
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly routers: Pick<RouterRegistry, "prepare" | "arrived">;
  readonly directory: InstanceDirectory;
  readonly view: LivePoolView;
  readonly keyOf: (instanceId: string) => string;
  /** The function has one more instance that serves: `then` is to be called when its slots have been handed out. */
  readonly onMember: (fn: FunctionState, then: () => void) => void;
}

/** Of a function that is no more nobody knows what it was. */
const [, longestTimeoutSeconds] = settingLimits.timeoutSeconds;
const nobody: ReadonlySet<string> = new Set();

/** The way in of an instance, be it launched here or found: from its claim on it is known whose it is. */
export class Intake {
  /** Those who used an instance before may come back to it. */
  #isReserving = true;

  constructor(private readonly ports: IntakePorts) {}

  claimed(launch: Launch): void {
    const { directory, view, keyOf } = this.ports;
    const { instance, spec, version, environmentId } = launch;
    if (instance === undefined) return;
    this.#prepare(launch, instance);
    directory.add(instance.id, { functionId: spec.id, version, key: keyOf(instance.id) });
    view.touch(environmentId);
  }

  /** A router has begun to wait for what is on its way already. */
  awaited(fn: FunctionState, version: number): void {
    for (const launch of fn.launches) {
      if (launch.version === version && launch.instance !== undefined) this.#prepare(launch, launch.instance);
    }
  }

  #prepare({ spec, version, slots, preparedFor }: Launch, { id, address, contract }: ClusterInstance): void {
    const { fleet, routers, keyOf } = this.ports;
    const whose = { functionId: spec.id, version, key: keyOf(id) };
    const instance = { id, ...whose, address: address ?? "", contract, slots };
    routers.prepare(fleet.function(spec.id), instance, preparedFor);
  }

  launched(launch: Launch, instance: ClusterInstance): void {
    const { spec, version, slots: slotsMax, preparedFor } = launch;
    const { id, address, environmentId, template, contract } = instance;
    const whose = { functionId: spec.id, version, key: this.ports.keyOf(id) };
    const what = { id, environmentId, template, contract, address: address ?? "" };
    this.#welcome({ ...what, ...whose, slotsMax }, { preparedFor });
  }

  /** Its idle clock starts now. */
  found({ id, address, environmentId, template, contract, specializedFor }: ClusterInstance): void {
    if (specializedFor === null || address === null) return;
    const { directory, keyOf } = this.ports;
    const { requestsPerInstance: slotsMax, ...target } = specializedFor;
    const whose = { ...target, key: keyOf(id) };
    directory.add(id, whose);
    const facts = { id, environmentId, template, contract, ...whose, address, slotsMax };
    this.#welcome(facts, { isReserved: this.#isReserving });
  }

  /** Whoever has not come back by now does without. */
  endReserve(): void {
    this.#isReserving = false;
    for (const member of this.ports.fleet.members) member.isReserved = false;
  }

  #welcome(
    facts: Omit<MemberFacts, "specializedAt" | "readyAtMs">,
    { isReserved = false, preparedFor = nobody }: { isReserved?: boolean; preparedFor?: ReadonlySet<string> },
  ): void {
    const { clock, fleet, routers, view, onMember } = this.ports;
    const member = new Member({ ...facts, specializedAt: clock.now(), readyAtMs: clock.monotonicMs() });
    member.isReserved = isReserved;
    const fn = fleet.function(facts.functionId);
    member.adopt(fn.spec?.settings ?? { requestsPerInstance: facts.slotsMax, timeoutSeconds: longestTimeoutSeconds });
    fleet.add(member);
    view.touch(facts.environmentId);
    onMember(fn, () => routers.arrived(member, preparedFor));
  }
}
