/** What an attempt told about the room that its function has. */
export interface Felt {
  /** Refused for want of room: no more for so long. */
  readonly pauseMs?: number;
  /** It waited for an instance. */
  readonly waitMs?: number;
  readonly coldStart?: boolean;
}

/** One attempt that goes on. */
export interface Step {
  /** An instance has it. */
  hasRoom(): void;
  end(felt: Felt): void;
}

interface FunctionPace {
  running: number;
  limit: number;
  /** Attempts that no instance has yet. */
  readonly waiting: Set<Step>;
  /** When instances got those attempts that go on and have not counted yet, the oldest first. */
  readonly roomAtMs: Map<Step, number>;
  pausedUntilMs: number;
  usedAtMs: number;
}

const firstLimit = 4;
/** Who waits longer than this finds more instances busy than there are. */
const crowdedMs = 250;
const smoothMs = 10;
/** Who goes on for so long says as much about the room that there is as one that has ended. */
const lastingMs = 250;
const rememberedMs = 60_000;

/**
 * How many attempts of each function go on at a time: it begins with few, grows by one with each that found an instance
 * ready, or has one for a while with none waiting behind it; it shrinks by one with each that had to wait for another to
 * finish, and by half where the function has no room. So a function's `maxInstances` is found by trying, however long its
 * attempts take, and a short queue of short ones starts no instances that it does not need.
 */
export class Paces {
  readonly #paces = new Map<string, FunctionPace>();

  constructor(
    private readonly nowMs: () => number,
    private readonly most: number,
  ) {}

  running(functionId: string): number {
    return this.#paces.get(functionId)?.running ?? 0;
  }

  /** How many may go on at a time; none while the function has no room. */
  limit(functionId: string): number {
    const pace = this.#paces.get(functionId);
    if (pace === undefined) return Math.min(firstLimit, this.most);
    this.#growByLasting(pace);
    return pace.pausedUntilMs > this.nowMs() ? 0 : pace.limit;
  }

  begin(functionId: string): Step {
    const pace = this.#of(functionId);
    pace.running++;
    pace.usedAtMs = this.nowMs();
    const step: Step = {
      hasRoom: () => {
        if (pace.waiting.delete(step)) pace.roomAtMs.set(step, this.nowMs());
      },
      end: (felt) => {
        pace.running--;
        const hasCounted = !pace.waiting.delete(step) && !pace.roomAtMs.delete(step);
        this.#learn(pace, felt, hasCounted);
      },
    };
    pace.waiting.add(step);
    return step;
  }

  /** While attempts wait for room there is none for more. */
  #growByLasting(pace: FunctionPace): void {
    if (pace.waiting.size > 0) return;
    const before = this.nowMs() - lastingMs;
    for (const [step, atMs] of pace.roomAtMs) {
      if (atMs > before) return;
      pace.roomAtMs.delete(step);
      pace.limit = Math.min(this.most, pace.limit + 1);
    }
  }

  #learn(pace: FunctionPace, felt: Felt, hasCounted: boolean): void {
    if (felt.pauseMs !== undefined) {
      // Those that were refused together are one refusal.
      if (pace.pausedUntilMs <= this.nowMs()) pace.limit = Math.max(1, Math.floor(pace.limit / 2));
      pace.pausedUntilMs = Math.max(pace.pausedUntilMs, this.nowMs() + felt.pauseMs);
    } else if (felt.waitMs !== undefined && felt.coldStart !== true) {
      if (felt.waitMs > crowdedMs) pace.limit = Math.max(1, pace.limit - 1);
      else if (felt.waitMs <= smoothMs && !hasCounted) pace.limit = Math.min(this.most, pace.limit + 1);
    }
  }

  /** Forgets functions that have not been called for a while. */
  sweep(): void {
    const before = this.nowMs() - rememberedMs;
    for (const [functionId, { running, usedAtMs, pausedUntilMs }] of this.#paces) {
      if (running === 0 && usedAtMs < before && pausedUntilMs < before) this.#paces.delete(functionId);
    }
  }

  #of(functionId: string): FunctionPace {
    const known = this.#paces.get(functionId);
    if (known !== undefined) return known;
    const pace: FunctionPace = {
      ...{ running: 0, limit: Math.min(firstLimit, this.most), waiting: new Set(), roomAtMs: new Map() },
      ...{ pausedUntilMs: -Infinity, usedAtMs: -Infinity },
    };
    this.#paces.set(functionId, pace);
    return pace;
  }
}
