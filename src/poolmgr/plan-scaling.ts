/**
 * How many instances a function's versions need, and which of those it has should go. Pure: what is observed and what is
 * desired in, decisions out; the machine's bound on all instances is plan-room.ts's affair.
 */
import type { FunctionSpec } from "../model/function.js";

/** An instance from its claim to its end. Only a READY one takes requests. */
export interface ScaledInstance {
  readonly id: string;
  readonly version: number;
  readonly state: "SPECIALIZING" | "READY" | "DRAINING";
  /** Requests it may serve at a time. */
  readonly slots: number;
  readonly inFlight: number;
  /** Since it last did something; 0 while it has requests. */
  readonly idleMs: number;
  /** Since it was ready. */
  readonly ageMs: number;
  /** Its environment's image or resources have changed since it was started. */
  readonly isOutdated: boolean;
}

/** Over all routers. */
export interface VersionDemand {
  readonly inFlight: number;
  readonly waiting: number;
}

export interface ScaledFunction {
  /** Undefined: the function was deleted. */
  readonly spec: FunctionSpec | undefined;
  /** Since when the current version is the current one. */
  readonly currentForMs: number;
  readonly demands: ReadonlyMap<number, VersionDemand>;
  readonly instances: readonly ScaledInstance[];
}

/** Instances that a version lacks. */
export interface Missing {
  readonly version: number;
  readonly count: number;
  /** Requests wait for them; else it is only `minInstances` that are missing. */
  readonly isAsked: boolean;
}

export interface Retirement {
  readonly instanceId: string;
  readonly why: "DELETED" | "SUPERSEDED" | "OUTDATED" | "EXCESS" | "IDLE";
}

/**
 * A router may be this much later than poolmgr to learn of an update; until then its requests need no cold start of the
 * old version.
 */
export const supersededLingerMs = 500;
/** Instances of a version that is not the current one were asked for by number; they are kept idle no longer than this. */
export const otherVersionIdleMs = 10_000;

/** Instances to add now, all at once. A deleted function gets none. */
export function planLaunches({ spec, demands, instances }: ScaledFunction): Missing[] {
  if (spec === undefined) return [];
  const versions = new Set([...demands.keys(), spec.currentVersionNumber]);
  return [...versions].flatMap((version) => missing(spec, version, demands.get(version), instances));
}

function missing(
  { settings, currentVersionNumber }: FunctionSpec,
  version: number,
  demand: VersionDemand | undefined,
  instances: readonly ScaledInstance[],
): Missing[] {
  const serving = instances.filter((instance) => instance.version === version && instance.state !== "DRAINING");
  const capacity = serving.reduce((sum, { slots }) => sum + slots, 0);
  const wanted = demand === undefined || demand.waiting === 0 ? 0 : demand.inFlight + demand.waiting;
  const forDemand = Math.ceil((wanted - capacity) / settings.requestsPerInstance);
  const forMinimum = version === currentVersionNumber ? settings.minInstances - serving.length : 0;
  const room = Math.max(0, settings.maxInstances - serving.length);
  const asked = Math.max(0, Math.min(forDemand, room));
  const unasked = Math.min(forMinimum, room) - asked;
  const launches = [
    { version, count: asked, isAsked: true },
    { version, count: unasked, isAsked: false },
  ];
  return launches.filter(({ count }) => count > 0);
}

/**
 * How many of a version's instances on their way, `onTheirWay` in number, nobody needs any more: those that still wait for
 * a warm instance are better called off than kept before others. The last one stays, so that a caller who left and comes
 * again finds what he waited for.
 */
export function planCallOffs(
  { spec, demands, instances }: ScaledFunction,
  version: number,
  onTheirWay: number,
): number {
  if (spec === undefined) return onTheirWay;
  const { requestsPerInstance, minInstances } = spec.settings;
  const { inFlight, waiting } = demands.get(version) ?? { inFlight: 0, waiting: 0 };
  const ready = instances.filter((instance) => instance.version === version && instance.state === "READY");
  const slots = ready.reduce((sum, instance) => sum + instance.slots, 0);
  const forDemand = Math.ceil((inFlight + waiting - slots) / requestsPerInstance);
  const forMinimum = version === spec.currentVersionNumber ? minInstances - ready.length : 0;
  const forNext = ready.length === 0 ? 1 : 0;
  return Math.max(0, onTheirWay - Math.max(forDemand, forMinimum, forNext));
}

/**
 * Instances to take out of service now. Meant for a pulse of about a second: what is idle for too long goes by a quarter
 * at a time, and what runs on an old image one by one.
 */
export function planRetirements(fn: ScaledFunction): Retirement[] {
  const { spec } = fn;
  const ready = fn.instances.filter(({ state }) => state === "READY");
  if (spec === undefined) return ready.map(({ id }) => ({ instanceId: id, why: "DELETED" }));
  const versions = new Set(ready.map(({ version }) => version));
  return [...versions].flatMap((version) => {
    const ofVersion = ready.filter((instance) => instance.version === version);
    return version === spec.currentVersionNumber
      ? retireCurrent(fn, spec, ofVersion)
      : retireOther(fn, spec, version, ofVersion);
  });
}

function retireOther(
  { currentForMs, demands }: ScaledFunction,
  { settings }: FunctionSpec,
  version: number,
  ready: readonly ScaledInstance[],
): Retirement[] {
  const isWanted = (demands.get(version)?.waiting ?? 0) > 0;
  const idleLimitMs = Math.min(settings.idleTimeoutSeconds * 1000, otherVersionIdleMs);
  return ready.flatMap(({ id, idleMs, ageMs }): Retirement[] => {
    const isSuperseded = ageMs >= currentForMs && currentForMs >= supersededLingerMs;
    if (isSuperseded) return [{ instanceId: id, why: "SUPERSEDED" }];
    return idleMs >= idleLimitMs && !isWanted ? [{ instanceId: id, why: "IDLE" }] : [];
  });
}

function retireCurrent(fn: ScaledFunction, spec: FunctionSpec, ready: readonly ScaledInstance[]): Retirement[] {
  const { minInstances, maxInstances } = spec.settings;
  const idlest = idlestFirst(ready);
  const excess = idlest.slice(0, Math.max(0, ready.length - maxInstances));
  if (excess.length > 0) return excess.map(({ id }) => ({ instanceId: id, why: "EXCESS" }));
  const isDraining = fn.instances.some(({ state }) => state === "DRAINING");
  const outdated = idlest.find(({ isOutdated }) => isOutdated);
  if (outdated !== undefined && !isDraining) return [{ instanceId: outdated.id, why: "OUTDATED" }];
  if ((fn.demands.get(spec.currentVersionNumber)?.waiting ?? 0) > 0) return [];
  const idle = idlest.filter(({ idleMs }) => idleMs >= spec.settings.idleTimeoutSeconds * 1000);
  const atMost = Math.min(Math.ceil(ready.length / 4), Math.max(0, ready.length - minInstances));
  return idle.slice(0, atMost).map(({ id }) => ({ instanceId: id, why: "IDLE" }));
}

export const idlestFirst = <T extends { readonly inFlight: number; readonly idleMs: number }>(
  instances: readonly T[],
): T[] => [...instances].sort((a, b) => a.inFlight - b.inFlight || b.idleMs - a.idleMs);
