/** Whether the pools and `minInstances` are as they should be, and which bound keeps them from it: pure. */
import type { Check } from "../model/check.js";
import { reservedPlaces } from "./plan-room.js";

export interface CheckedFunction {
  readonly namespace: string;
  readonly name: string;
  readonly minInstances: number;
  /** Instances of the current version that serve or soon will. */
  readonly serving: number;
  /** Its code did not load the last time. */
  readonly isBroken: boolean;
}

/** Why an environment's pool can't be filled, by the driver's account. */
export interface PoolProblem {
  /** Such as default/node. */
  readonly environment: string;
  readonly problem: string;
}

export interface CheckedPools {
  readonly problems: readonly PoolProblem[];
  readonly functions: readonly CheckedFunction[];
  /** Warm instances that all environments together want. */
  readonly warmWanted: number;
  readonly maxInstances: number;
  /** Instances that count towards `maxInstances` beside the warm ones. */
  readonly claimed: number;
}

/** Functions that are named; of more it is said how many. */
const namedMost = 5;
/** Environments likewise: what is wrong with each may take some lines. */
const environmentsMost = 3;

export function planCheck(pools: CheckedPools): Check {
  const problems = [...poolProblems(pools.problems), ...shortfalls(pools)];
  const ok = problems.length === 0;
  return { name: "instances", ok, message: ok ? describe(pools) : problems.join(" ") };
}

/** On a busy machine it is as it should be that warm instances are few. */
function describe({ warmWanted, maxInstances, claimed }: CheckedPools): string {
  const room = Math.max(0, maxInstances - claimed);
  if (warmWanted <= room) return "Pools are filled as they should be.";
  return `Specialized instances leave room for ${room} of ${warmWanted} warm ones: FERMI_MAX_INSTANCES (${maxInstances}) is the bound.`;
}

function poolProblems(problems: readonly PoolProblem[]): string[] {
  const inOrder = problems.toSorted((a, b) => (a.environment < b.environment ? -1 : 1));
  const told = inOrder
    .slice(0, environmentsMost)
    .map(({ environment, problem }) => `Environment ${environment}: ${problem.replace(/\.$/, "")}.`);
  const left = problems.length - told.length;
  if (left === 0) return told;
  return [
    ...told,
    left === 1 ? "1 more environment has a problem too." : `${left} more environments have problems too.`,
  ];
}

function shortfalls({ functions, maxInstances, claimed }: CheckedPools): string[] {
  const reserve = reservedPlaces(maxInstances);
  const isFull = maxInstances - claimed <= reserve;
  const short = functions.flatMap(({ namespace, name, minInstances, serving, isBroken }) => {
    if (serving >= minInstances || (!isBroken && !isFull)) return [];
    const why = isBroken ? "its code does not load" : bound(maxInstances, reserve);
    return [`Function ${namespace}/${name} has ${serving} of its ${minInstances} minInstances: ${why}.`];
  });
  if (short.length <= namedMost) return short;
  return [...short.slice(0, namedMost), `${short.length - namedMost} more functions lack some too.`];
}

const bound = (maxInstances: number, reserve: number): string =>
  `FERMI_MAX_INSTANCES (${maxInstances}) is the bound${reserve > 0 ? ", and its last place is left to callers" : ""}`;
