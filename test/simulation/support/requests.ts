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
  readonly arrivedMs: number;
  readonly number: number;
  begunMs: number | undefined;
}

/** Requests at one router, from arrival to answer, as handle-request.ts takes them there; the function's code is Runtimes. */
export class Requests {
  readonly outcomes: Outcome[] = [];
  readonly broken: string[] = [];
  /** Those that have no instance, by function. */
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

  /** Without those that had an instance in vain and are back in line. */
  waiting(functionId: string): number {
    return [...this.#line(functionId)].filter(({ begunMs }) => begunMs === undefined).length;
  }

  async send(request: Request): Promise<Outcome> {
    const arrivedMs = this.clock.monotonicMs();
    const arrived: Arrived = { ...request, arrivedMs, number: this.#count++, begunMs: undefined };
    const line = this.#line(request.functionId).add(arrived);
    const ahead = this.slots.waiting(request.functionId);
    const { result, error } = await this.#answer(arrived);
    line.delete(arrived);
    const { retryAfterSeconds } = error ?? {};
    const endedMs = this.clock.monotonicMs();
    const outcome = { ...request, arrivedMs, begunMs: arrived.begunMs, endedMs, result, retryAfterSeconds, ahead };
    this.outcomes.push(outcome);
    return outcome;
  }

  async #answer(request: Arrived): Promise<{ result: string; error?: AppError }> {
    const target = keyedTarget(request.functionId, 1);
    const plan = { callee: { target, timeoutMs: request.timeoutMs } } as unknown as CallPlan;
    const call = new Call(plan, "", this.clock.now(), request.arrivedMs);
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
      if (fate === "NO_CONNECTION") this.#line(request.functionId).add(request);
      settleLease(lease, finding(fate), this);
      if (fate !== "NO_CONNECTION") return fate === "DONE" ? "SERVED" : fate;
      if (call.attempts === maxAttempts) throw noInstanceTookIt("NO_CONNECTION");
    }
  }

  /** Whoever comes to be served is the one who has waited longest. */
  #begins(request: Arrived): void {
    const line = this.#line(request.functionId);
    const isFirst = request.begunMs === undefined;
    const isOvertaken = (other: Arrived): boolean =>
      other.arrivedMs < request.arrivedMs || (isFirst && other.begunMs === undefined && other.number < request.number);
    const overtaken = [...line].find(isOvertaken);
    if (overtaken !== undefined) {
      this.broken.push(`${request.functionId}: ${request.number} was served before ${overtaken.number}`);
    }
    request.begunMs ??= this.clock.monotonicMs();
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
