/** Which instances to start and to end, from what there is: decided here, done by the driver. */

export interface PoolState {
  readonly id: string;
  readonly poolSize: number;
  readonly warm: number;
  readonly starting: number;
  /** Claims that wait. */
  readonly waiting: number;
  /** False while a start is not to be tried: no runtime, or one that has just died at its start. */
  readonly canStart: boolean;
}

export interface Machine {
  /** Every process there is, those that are ending too. */
  readonly instances: number;
  readonly ending: number;
  readonly maxInstances: number;
  /** Starts at a time, but for one of each pool that lacks some; more would only make each slower. */
  readonly parallelStarts: number;
}

export interface PoolPlan {
  /** Ids of pools, once for each instance to start, in order. */
  readonly start: readonly string[];
  /** How many warm instances of which pool to end. */
  readonly end: ReadonlyMap<string, number>;
  /** Pools whose claims nothing can serve: every instance of the machine is taken. */
  readonly refuse: readonly string[];
}

/** Claims come first, then pools fill up; a warm instance of another pool gives way to a claim where there is no room. */
export function planPools(pools: readonly PoolState[], machine: Machine): PoolPlan {
  const end = new Map<string, number>();
  for (const { id, warm, poolSize, waiting } of pools) {
    if (waiting === 0 && warm > poolSize) end.set(id, warm - poolSize);
  }
  const starts = Math.max(0, machine.parallelStarts - sum(pools.map(({ starting }) => starting)));
  const room = Math.max(0, machine.maxInstances - machine.instances);
  const wanted = inTurns(pools, ({ waiting, starting }) => waiting - starting);
  const start = wanted.slice(0, Math.min(Math.max(starts, firsts(pools, wanted)), room));
  const crowdedOut = wanted.slice(room);
  const evicted = evict(pools, end, crowdedOut.length - machine.ending - sum([...end.values()]));
  const comesFree = machine.ending + sum([...end.values()]) + sum(pools.map(({ starting }) => starting));
  const refuse = evicted === 0 && comesFree === 0 ? [...new Set(crowdedOut)] : [];
  if (crowdedOut.length === 0 && start.length === wanted.length) {
    const missing = inTurns(pools, missingWarm);
    start.push(...missing.slice(0, Math.min(Math.max(starts, firsts(pools, missing)), room) - start.length));
  }
  return { start, end, refuse };
}

/** How many a pool lacks besides those that its claims will take. */
const missingWarm = ({ poolSize, warm, starting, waiting }: PoolState): number =>
  poolSize - warm - Math.max(0, starting - waiting);

/** Starts that hang keep no other pool from its first: how many of those wanted are one. */
const firsts = (pools: readonly PoolState[], wanted: readonly string[]): number =>
  pools.filter(({ id, starting }) => starting === 0 && wanted.includes(id)).length;

/**
 * Each pool's id as often as it wants an instance, one of each pool after the other, so that none starves another; those
 * of which none is being started come first.
 */
function inTurns(pools: readonly PoolState[], wants: (pool: PoolState) => number): string[] {
  const byFewest = [...pools].sort((a, b) => a.starting - b.starting);
  const open = byFewest.filter(({ canStart }) => canStart).map((pool) => ({ id: pool.id, left: wants(pool) }));
  const turns: string[] = [];
  for (let some = open.filter(({ left }) => left > 0); some.length > 0; some = some.filter(({ left }) => left > 0)) {
    for (const pool of some) {
      turns.push(pool.id);
      pool.left -= 1;
    }
  }
  return turns;
}

/** Marks up to `count` more warm instances for their end, of the pools that have most; returns how many. */
function evict(pools: readonly PoolState[], end: Map<string, number>, count: number): number {
  const left = new Map(pools.map(({ id, warm, waiting }) => [id, waiting > 0 ? 0 : warm - (end.get(id) ?? 0)]));
  let evicted = 0;
  while (evicted < count) {
    const [id, warm] = [...left].reduce((most, pool) => (pool[1] > most[1] ? pool : most), ["", 0]);
    if (warm === 0) break;
    left.set(id, warm - 1);
    end.set(id, (end.get(id) ?? 0) + 1);
    evicted += 1;
  }
  return evicted;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
