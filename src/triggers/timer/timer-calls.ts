import { AppError } from "../../errors/app-error.js";
import { hasNotArrived } from "../../invocations/invoker.js";
import type { InvokeRequest } from "../../invocations/invoke-request.js";
import type { Clock } from "../../lib/clock.js";
import { FairQueue } from "../../lib/fair-queue.js";
import type { Logger } from "../../lib/logger.js";
import type { Invocation } from "../../model/invocation.js";
import type { Schedule } from "../../model/schedule.js";
import type { TimeTrigger } from "../../model/trigger.js";
import type { TriggerStatuses } from "../trigger-source.js";
import { isStillToRun } from "./plan-firing.js";
import { RunLedger } from "./run-ledger.js";
import type { TimerRuns } from "./timer-runs.js";

export interface TimerCallsParts {
  readonly runs: Pick<TimerRuns, "ask" | "finish">;
  /** The one door to functions. */
  readonly invoker: {
    call(signal: AbortSignal, request: InvokeRequest): Promise<Invocation>;
  };
  readonly statuses: Pick<TriggerStatuses, "report">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether due times may still be decided on here. */
  readonly leads: () => boolean;
}

export interface Due {
  readonly trigger: TimeTrigger;
  readonly schedule: Schedule;
}

/** What follows for the trigger's next due times. AGAIN: nothing was decided, because the store did not answer, or this process may not lead. */
export type Undecided = "CHANGED" | "AGAIN";

/** A call for each due time, and a statement of the store before it, at most so many at a time. */
const bounds = { running: 256, runningOfKey: 64, waiting: 20_000 };
/** A due time that has waited longer for its turn is a missed one. */
const maxWaitMs = 60_000;
/** So long it is tried to reach a router that does not listen, or has not heard of the function yet. */
const arriveWithinMs = 20_000;
const arrivePauseMs = 250;

/**
 * Runs due times: notes each in the store, and calls the function if it is this process' to run. A due time is decided on
 * once, whoever else leads or believes to: the store's record is the fence.
 */
export class TimerCalls {
  readonly #queue = new FairQueue(bounds);
  readonly #ledger: RunLedger;
  readonly #stopping = new AbortController();

  constructor(private readonly parts: TimerCallsParts) {
    this.#ledger = new RunLedger(parts.runs);
  }

  /** `undecided` is told where the due time is still to be dealt with. */
  post({ trigger, schedule }: Due, dueMs: number, undecided: (why: Undecided) => void): void {
    const postedMs = this.parts.clock.monotonicMs();
    const isTaken = this.#queue.post(trigger.functionId, async () => {
      if (this.#stopping.signal.aborted) return;
      // It may be unsure for a moment only who leads; where it is another, that one decides on it.
      if (this.parts.leads()) await this.#decide({ trigger, schedule }, dueMs, postedMs, undecided);
      else undecided("AGAIN");
    });
    if (!isTaken) this.#fails(trigger, leftOut);
  }

  async #decide(
    { trigger, schedule }: Due,
    dueMs: number,
    postedMs: number,
    undecided: (why: Undecided) => void,
  ): Promise<void> {
    const { clock } = this.parts;
    const waitedMs = clock.monotonicMs() - postedMs;
    const isMissed = waitedMs > maxWaitMs && !isStillToRun(schedule, trigger, dueMs, clock.now().getTime());
    if (isMissed) this.#fails(trigger, leftOut);
    else await this.#run(trigger, new Date(dueMs), undecided);
  }

  /** Calls nothing new; resolves when what was called is over, which it is by force after `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    this.#queue.clear();
    const timer = this.parts.clock.after(withinMs, () => this.#stopping.abort());
    await this.#queue.idle();
    timer.stop();
    this.#stopping.abort();
    await this.#ledger.settled();
  }

  /** Never rejects. */
  async #run(trigger: TimeTrigger, dueAt: Date, undecided: (why: Undecided) => void): Promise<void> {
    const { id: triggerId, revision } = trigger;
    try {
      const answer = await this.#ledger.ask({ triggerId, revision, dueAt });
      if (answer.outcome === "CHANGED") undecided("CHANGED");
      if (answer.outcome !== "RUN") return;
      await this.#call(trigger, dueAt, answer.withinMs);
      this.#ledger.finish({ triggerId, dueAt });
    } catch {
      undecided("AGAIN");
    }
  }

  /** Until it has ended, in whichever way, or until the run's time is over. Never rejects. */
  async #call(trigger: TimeTrigger, dueAt: Date, withinMs: number): Promise<void> {
    const { clock, statuses } = this.parts;
    const overdue = new AbortController();
    const timer = clock.after(withinMs, () => overdue.abort());
    const signal = AbortSignal.any([this.#stopping.signal, overdue.signal]);
    try {
      const { status, error, httpStatus } = await this.#invoke(trigger, dueAt, signal);
      if (status === "SUCCEEDED") statuses.report(trigger, "READY", null);
      else this.#fails(trigger, error ?? `Its function answered ${httpStatus ?? "nothing"}.`);
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#fails(trigger, reasonOf(error, overdue.signal.aborted));
    } finally {
      timer.stop();
    }
  }

  /** As long as the router has not had it, the call is made again. */
  async #invoke(trigger: TimeTrigger, dueAt: Date, signal: AbortSignal): Promise<Invocation> {
    const { clock, invoker } = this.parts;
    const untilMs = clock.monotonicMs() + arriveWithinMs;
    for (;;) {
      try {
        return await invoker.call(signal, requestOf(trigger, dueAt));
      } catch (error) {
        const mayArrive = hasNotArrived(error) || (error instanceof AppError && error.code === "NOT_FOUND");
        if (!mayArrive || signal.aborted || clock.monotonicMs() >= untilMs) throw error;
        await new Promise<void>((resolve) => clock.after(arrivePauseMs, resolve));
      }
    }
  }

  #fails(trigger: TimeTrigger, reason: string): void {
    const { namespace, name } = trigger;
    this.parts.statuses.report(trigger, "FAILING", reason);
    this.parts.logger.debug({ trigger: name, namespace, reason }, "a time trigger's run has failed");
  }
}

const leftOut = "A due time was left out: too many runs of its function were waiting for their turn.";

export const requestOf = ({ id, functionId, name }: TimeTrigger, dueAt: Date): InvokeRequest => ({
  functionId,
  version: null,
  method: "POST",
  path: "/",
  headers: [],
  ownHeaders: [
    ["X-Fermi-Trigger", name],
    ["X-Fermi-Scheduled-At", dueAt.toISOString()],
  ],
  body: undefined,
  source: "TIME",
  triggerId: id,
});

function reasonOf(error: unknown, isOverdue: boolean): string {
  if (isOverdue) return "Its function had not answered when its time was over.";
  return error instanceof AppError ? error.message : "Its function could not be called.";
}
