import { Backoff } from "../lib/backoff.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { Seldom } from "../lib/seldom.js";
import type { Trigger, TriggerCondition } from "../model/trigger.js";
import type { TriggerStatuses } from "./trigger-source.js";

export interface StatusReport {
  readonly triggerId: string;
  readonly condition: TriggerCondition;
  readonly reason: string | null;
  readonly since: Date;
  /** Where something else was said after this, that stays. */
  readonly unlessAfter?: Date;
}

export interface StatusReportsOptions {
  /** Rejects while the store is away. No trigger is in it twice. */
  readonly write: (reports: readonly StatusReport[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Statuses wait this long for others to be written with. */
const pauseMs = 100;
const batch = 1_000;
const maxReasonCharacters = 1_000;
/** So long the word of a process stands against that of another for which all is well. */
const outlivedMs = 5 * 60_000;
/** Of as many triggers it is kept what was said; of more, what was said before is written again. */
const maxKept = 50_000;

/** Collects what sources say of their triggers, and writes what is new in batches. The latest word of a trigger counts. */
export class StatusReports implements TriggerStatuses {
  readonly #waiting = new Map<string, StatusReport>();
  readonly #said = new Map<string, string>();
  readonly #backoff = new Backoff(pauseMs, 10_000);
  readonly #trouble: Seldom;
  #timer: { stop(): void } | undefined;
  #writing: Promise<void> | undefined;

  constructor(private readonly options: StatusReportsOptions) {
    this.#trouble = new Seldom(options.clock);
  }

  report(
    { id: triggerId, revision }: Pick<Trigger, "id" | "revision">,
    condition: TriggerCondition,
    reason: string | null,
  ): void {
    const words = wordsOf(reason);
    const said = `${revision} ${condition} ${words ?? ""}`;
    if (this.#said.get(triggerId) === said) return;
    if (this.#said.size >= maxKept) this.#said.clear();
    this.#said.set(triggerId, said);
    this.#waiting.set(triggerId, { triggerId, condition, reason: words, since: this.options.clock.now() });
    this.#writeAfter(pauseMs);
  }

  confirm({ id: triggerId }: Pick<Trigger, "id">, condition: TriggerCondition, reason: string | null): void {
    // News of it are on their way.
    if (this.#waiting.has(triggerId)) return;
    const since = this.options.clock.now();
    const unlessAfter = new Date(since.getTime() - outlivedMs);
    const report = { triggerId, condition, reason: wordsOf(reason), since };
    this.#waiting.set(triggerId, condition === "READY" ? { ...report, unlessAfter } : report);
    this.#writeAfter(pauseMs);
  }

  /** Tries once more to write what is left. */
  async stop(): Promise<void> {
    this.#timer?.stop();
    await this.#writing;
    this.#timer?.stop();
    await this.#write();
    this.#timer?.stop();
  }

  #writeAfter(ms: number): void {
    if (this.#timer !== undefined || this.#writing !== undefined) return;
    this.#timer = this.options.clock.after(ms, () => {
      this.#timer = undefined;
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        if (this.#waiting.size > 0) this.#writeAfter(Math.max(pauseMs, this.#backoffMs()));
      });
    });
  }

  #backoffMs(): number {
    return this.#backoff.remainingMs(this.options.clock.monotonicMs());
  }

  async #write(): Promise<void> {
    const reports = [...this.#waiting.values()].slice(0, batch);
    if (reports.length === 0) return;
    try {
      await this.options.write(reports);
      this.#backoff.succeed();
      this.#trouble.reset();
      // What was said meanwhile of the same trigger is still to be written.
      for (const report of reports) {
        if (this.#waiting.get(report.triggerId) === report) this.#waiting.delete(report.triggerId);
      }
    } catch (error) {
      this.#backoff.fail(this.options.clock.monotonicMs());
      if (this.#trouble.isDue()) this.options.logger.warn({ err: error }, "statuses of triggers can't be written");
    }
  }
}

const wordsOf = (reason: string | null): string | null => reason?.slice(0, maxReasonCharacters) ?? null;
