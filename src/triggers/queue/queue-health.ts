import type { Clock } from "../../lib/clock.js";
import type { QueueTrigger, TriggerCondition } from "../../model/trigger.js";
import type { TriggerStatuses } from "../trigger-source.js";

/** So long without a failure a trigger counts as well again, where messages have been handled since. */
const calmMs = 30_000;
/** Other processes handle messages of the trigger too: what is so here is said again so often, while there are messages. */
const confirmEveryMs = 30_000;

/** What a queue trigger's status says: of its broker first, then of its last messages. */
export class QueueHealth {
  #trouble: string | null = null;
  #problem: string | null = null;
  #hasSucceeded = false;
  #calm: { stop(): void } | undefined;
  #confirmedMs: number;
  #isOver = false;

  constructor(
    private readonly trigger: QueueTrigger,
    private readonly statuses: TriggerStatuses,
    private readonly clock: Clock,
  ) {
    this.#confirmedMs = clock.monotonicMs();
    this.#report();
  }

  /** Why the broker brings nothing; null where it does. */
  trouble(reason: string | null): void {
    this.#trouble = reason;
    this.#report();
  }

  /** A message was handled; `problem` is why it failed, if so. */
  handled(problem: string | null): void {
    if (problem === null) this.#succeeded();
    else this.#failed(problem);
    this.#confirm();
  }

  /** Nothing is said any more. */
  end(): void {
    this.#isOver = true;
    this.#calm?.stop();
  }

  #failed(problem: string): void {
    this.#problem = problem;
    this.#hasSucceeded = false;
    this.#calm?.stop();
    this.#calm = this.clock.after(calmMs, () => this.#forget());
    this.#report();
  }

  #succeeded(): void {
    this.#hasSucceeded = true;
    if (this.#problem !== null && this.#calm === undefined) this.#forget();
  }

  /** Messages that came through since are proof; where none came, the last failure is still the last that is known. */
  #forget(): void {
    this.#calm = undefined;
    if (!this.#hasSucceeded) return;
    this.#problem = null;
    this.#report();
  }

  #report(): void {
    if (!this.#isOver) this.statuses.report(this.trigger, ...this.#now);
  }

  #confirm(): void {
    const nowMs = this.clock.monotonicMs();
    if (this.#isOver || nowMs - this.#confirmedMs < confirmEveryMs) return;
    this.#confirmedMs = nowMs;
    this.statuses.confirm(this.trigger, ...this.#now);
  }

  get #now(): readonly [TriggerCondition, string | null] {
    const reason = this.#trouble ?? this.#problem;
    return [reason === null ? "READY" : "FAILING", reason];
  }
}
