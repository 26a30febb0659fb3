import { AppError } from "../../../src/errors/app-error.js";
import type { Clock } from "../../../src/lib/clock.js";
import { acquireNow, maxAttempts, noInstanceTookIt, settleLease, waitForSlot } from "../../../src/router/acquire.js";
import { Call, type CallPlan } from "../../../src/router/call.js";
import { keyedTarget } from "../../../src/router/callee.js";
import type { SlotTable } from "../../../src/router/slot-table.js";
import type { Fate, Runtimes } from "./runtimes.js";

export interface Request {
  readonly functionId: string;
  /** At which router. */
  readonly router: number;
  readonly workMs: number;
  readonly timeoutMs: number;
}

/** How a request ended: SERVED, CRASHED, or the code of the error that its caller gets. */
export interface Outcome extends Request {
  readonly arrivedMs: number;
  /** When it came to be in an instance, if it did. */
  readonly begunMs: number | undefined;
  readonly endedMs: number;
  readonly result: string;
  readonly retryAfterSeconds: number | undefined;
  /** How many waited at its router when it came. */
  readonly ahead: number;
}

interface Arrived extends Request {
  readonly number: number;
  begunMs: number | undefined;
}

/** Requests at one router, from arrival to answer, as handle-request.ts takes them there; the function's code is Runtimes. */
export class Requests {
  readonly outcomes: Outcome[] = [];
  readonly broken: string[] = [];
  /** Those that have had no instance yet, by function, oldest first. */
  readonly #lines = new Map<string, Set<Arrived>>();
  #count = 0;

  constructor(
    readonly slots: SlotTable,
    readonly clock: Clock,
    private readonly runtimes: Runtimes,
  ) {}

  get open(): number {
    return this.#count - this.outcomes.length;
  }

  async send(request: Request): Promise<Outcome> {
    const arrivedMs = this.clock.monotonicMs();
    const arrived: Arrived = { ...request, number: this.#count++, begunMs: undefined };
    const line = this.#line(request.functionId).add(arrived);
    const ahead = this.slots.waiting(request.functionId);
    const { result, error } = await this.#answer(arrived, arrivedMs);
    line.delete(arrived);
    const { retryAfterSeconds } = error ?? {};
    const endedMs = this.clock.monotonicMs();
    const outcome = { ...request, arrivedMs, begunMs: arrived.begunMs, endedMs, result, retryAfterSeconds, ahead };
    this.outcomes.push(outcome);
    return outcome;
  }

  async #answer(request: Arrived, startedMs: number): Promise<{ result: string; error?: AppError }> {
    const target = keyedTarget(request.functionId, 1);
    const plan = { callee: { target, timeoutMs: request.timeoutMs } } as unknown as CallPlan;
    const call = new Call(plan, "", this.clock.now(), startedMs);
    try {
      return { result: await this.#attempts(request, call) };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { result: error.code, error };
    }
  }

  async #attempts(request: Arrived, call: Call): Promise<string> {
    for (;;) {
      const lease = acquireNow(call, this.slots) ?? (await waitForSlot(call, this));
      if (lease === undefined) return "LEFT";
      call.attempt(lease);
      this.#begins(request);
      const fate = await this.runtimes.run(lease.instance.id, request.workMs);
      settleLease(lease, finding(fate), this);
      if (fate !== "NO_CONNECTION") return fate === "DONE" ? "SERVED" : fate;
      if (call.attempts === maxAttempts) throw noInstanceTookIt("NO_CONNECTION");
    }
  }

  /** Whoever comes to be served is the one who has waited longest. */
  #begins(request: Arrived): void {
    if (request.begunMs !== undefined) return;
    request.begunMs = this.clock.monotonicMs();
    const line = this.#line(request.functionId);
    const [first] = line;
    if (first !== request)
      this.broken.push(`${request.functionId}: ${request.number} was served before ${first?.number}`);
    line.delete(request);
  }

  #line(functionId: string): Set<Arrived> {
    const line = this.#lines.get(functionId) ?? new Set<Arrived>();
    this.#lines.set(functionId, line);
    return line;
  }
}

function finding(fate: Fate): Parameters<typeof settleLease>[1] {
  if (fate === "NO_CONNECTION") return { type: "NOT_RUN", because: "NO_CONNECTION" };
  return fate === "CRASHED" ? { type: "FAILED", suspect: "CRASHED" } : { type: "ANSWERED" };
}
