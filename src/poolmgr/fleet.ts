import type { ClusterInstance, PoolHealth } from "../cluster/cluster-driver.js";
import type { Environment } from "../model/environment.js";
import { FunctionState } from "./function-state.js";
import type { Launch } from "./launch.js";
import type { Member } from "./member.js";
import type { CheckedPools, PoolProblem } from "./plan-check.js";
import { turnMs } from "./plan-evictions.js";
import type { Occupant } from "./room.js";

/** An instance as the driver last reported it. */
export interface Observed {
  readonly instance: ClusterInstance;
  readonly firstSeenMs: number;
}

/** Everything the pool manager knows: what is desired, what the driver reports, and whose each instance is. */
export class Fleet {
  environments: ReadonlyMap<string, Environment> = new Map();
  /** The desired state has been read at least once: until then nothing is taken for deleted. */
  isLoaded = false;
  readonly functions = new Map<string, FunctionState>();
  readonly observed = new Map<string, Observed>();
  /** Claimed instances that are being specialized, by instance id. */
  readonly specializing = new Map<string, Launch>();
  /** Claimed or unknown instances that nobody wants, until they are gone; true while they are being ended. */
  readonly discarded = new Map<string, boolean>();
  readonly #members = new Map<string, Member>();
  #launching = 0;

  function(id: string): FunctionState {
    const known = this.functions.get(id);
    if (known !== undefined) return known;
    const fn = new FunctionState(id);
    this.functions.set(id, fn);
    return fn;
  }

  get members(): Iterable<Member> {
    return this.#members.values();
  }

  member(id: string): Member | undefined {
    return this.#members.get(id);
  }

  add(member: Member): void {
    this.#members.set(member.id, member);
    this.function(member.facts.functionId).members.add(member);
  }

  remove(member: Member): void {
    this.#members.delete(member.id);
    this.function(member.facts.functionId).members.delete(member);
  }

  addLaunch(fn: FunctionState, launch: Launch): void {
    fn.launches.add(launch);
    this.#launching++;
  }

  removeLaunch(fn: FunctionState, launch: Launch): void {
    if (fn.launches.delete(launch)) this.#launching--;
    if (launch.instance !== undefined) this.specializing.delete(launch.instance.id);
  }

  /** Instances that count towards the machine's bound beside the warm ones: from claim to end. */
  get claimed(): number {
    return this.#launching + this.#members.size + this.discarded.size;
  }

  /** Whether somebody here has to do with the instance. */
  isKnown(instanceId: string): boolean {
    return this.#members.has(instanceId) || this.specializing.has(instanceId) || this.discarded.has(instanceId);
  }

  /** Instances that are about to be gone: those without a request, and those that went out of service a moment ago. */
  draining(nowMs: number): { idle: number; busy: number } {
    const count = { idle: this.discarded.size, busy: 0 };
    for (const { state, ledger, drain } of this.#members.values()) {
      if (state !== "DRAINING") continue;
      if (ledger.inFlight === 0) count.idle++;
      else if (nowMs - drain.beganMs < turnMs) count.busy++;
    }
    return count;
  }

  /** With names for ids; a pool whose environment was just deleted has only its id left. */
  asProblems(health: readonly PoolHealth[]): PoolProblem[] {
    return health.flatMap(({ environmentId, problem }) => {
      if (problem === null) return [];
      const known = this.environments.get(environmentId);
      return [{ environment: known === undefined ? environmentId : `${known.namespace}/${known.name}`, problem }];
    });
  }

  asChecked(): Pick<CheckedPools, "functions" | "warmWanted" | "claimed"> {
    const functions = [...this.functions.values()].flatMap((fn) => fn.asChecked() ?? []);
    const warmWanted = [...this.environments.values()].reduce((sum, { poolSize }) => sum + poolSize, 0);
    return { functions, warmWanted, claimed: this.claimed };
  }

  /** All READY instances; of each function the most recently used `minInstances` are kept. */
  occupants(nowMs: number): Occupant[] {
    return [...this.functions.values()].flatMap((fn) => occupantsOf(fn, nowMs));
  }
}

function occupantsOf({ id: functionId, spec, members }: FunctionState, nowMs: number): Occupant[] {
  let kept = spec?.settings.minInstances ?? 0;
  return [...members]
    .filter(({ state, isReserved }) => state === "READY" && !isReserved)
    .sort((a, b) => a.idleMs(nowMs) - b.idleMs(nowMs))
    .map((member): Occupant => {
      const { version } = member.facts;
      const isKept = version === spec?.currentVersionNumber && kept-- > 0;
      const { id, ledger, lastUsedAt } = member;
      const usage = { inFlight: ledger.inFlight, idleMs: member.idleMs(nowMs), isReported: lastUsedAt !== null };
      return { id, functionId, version, ...usage, ageMs: nowMs - member.facts.readyAtMs, isKept };
    });
}
