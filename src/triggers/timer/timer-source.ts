/**
 * Calls functions at the times of their schedules. It keeps what is due next in a heap and waits for the earliest with one
 * timer, so triggers that are not due cost nothing. Whether a due time is run is decided by the store's record (`TimerRuns`).
 */
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import { ResyncLoop } from "../../lib/resync-loop.js";
import { Seldom } from "../../lib/seldom.js";
import type { Schedule } from "../../model/schedule.js";
import type { TimeTrigger } from "../../model/trigger.js";
import type { LivingTriggers, TriggerSource } from "../trigger-source.js";
import { DueHeap } from "./due-heap.js";
import { planFiring } from "./plan-firing.js";
import { ScheduleCache } from "./schedule-cache.js";
import { TimerCalls, type TimerCallsParts, type Undecided } from "./timer-calls.js";
import type { KnownTimer, TimerRuns } from "./timer-runs.js";

export interface TimerSourceParts extends Omit<TimerCallsParts, "runs"> {
  readonly triggers: LivingTriggers<TimeTrigger>;
  readonly runs: TimerRuns;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long calls in flight may go on when it is stopped. */
  readonly stopWithinMs: number;
  /** Told of the calls that go on after it was stopped: they are nobody else's, so another process may lead meanwhile. */
  readonly linger: (calls: Promise<void>) => void;
}

interface Entry {
  readonly trigger: TimeTrigger;
  readonly schedule: Schedule;
  /** Until here all due times were dealt with. */
  sinceMs: number;
  /** When to look at it next; what the heap says otherwise of it is out of date. */
  wakeMs: number;
}

/** Changes are announced; this only repairs what an announcement may have missed. */
const resyncMs = 30_000;
/** The wall clock may be set, or run otherwise than the timer's: it is looked at so often while anything is to come. */
const maxSleepMs = 1_000;
/** What is due at once is dealt with in slices, between which others have their turn. */
const sliceMs = 10;
const undecidedPauseMs = 1_000;
/** Clocks that differ by less are as right as each other; what was noted of a moment further ahead was noted by a wrong one. */
const clocksDifferByMs = 5 * 60_000;

export class TimerSource implements TriggerSource {
  readonly #entries = new Map<string, Entry>();
  readonly #heap = new DueHeap();
  readonly #schedules = new ScheduleCache();
  readonly #calls: TimerCalls;
  readonly #loop: ResyncLoop;
  readonly #trouble: Seldom;
  /** What is taken up here; undefined where that is to be done anew, though the triggers may be the same. */
  #takenUp: readonly TimeTrigger[] | undefined;
  #timer: { stop(): void } | undefined;
  #isStopped = false;
  /** The wall clock when it was looked at last. */
  #seenMs = -Infinity;

  constructor(private readonly parts: TimerSourceParts) {
    this.#calls = new TimerCalls(parts);
    this.#loop = new ResyncLoop(() => this.#load(), resyncMs, parts.clock);
    this.#trouble = new Seldom(parts.clock);
  }

  /** How many triggers it waits for. */
  get size(): number {
    return this.#entries.size;
  }

  start(): void {
    void this.#loop.ask();
  }

  lookAgain(): void {
    void this.#loop.ask();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.stop();
    this.parts.linger(this.#calls.stop(this.parts.stopWithinMs));
    await this.#loop.stop();
  }

  async #load(): Promise<void> {
    try {
      const triggers = await this.parts.triggers.load();
      if (triggers !== this.#takenUp) await this.#takeUp(triggers);
      this.#trouble.reset();
    } catch (error) {
      this.#takenUp = undefined;
      if (this.#trouble.isDue()) this.parts.logger.warn({ err: error }, "time triggers can't be read; trying again");
      throw error;
    }
  }

  async #takeUp(triggers: readonly TimeTrigger[]): Promise<void> {
    // First, as it may be out of date again before all are entered.
    this.#takenUp = triggers;
    const enabled = new Map(triggers.filter((trigger) => trigger.enabled).map((trigger) => [trigger.id, trigger]));
    for (const id of this.#entries.keys()) {
      if (!enabled.has(id)) this.#entries.delete(id);
    }
    const changed = [...enabled.values()].filter(
      ({ id, revision }) => this.#entries.get(id)?.trigger.revision !== revision,
    );
    const known = await this.parts.runs.known(changed.map(({ id }) => id));
    const pace = this.#pacer();
    for (const trigger of changed) {
      this.#enter(trigger, known.get(trigger.id));
      await pace();
    }
    this.#sleep();
  }

  #enter(trigger: TimeTrigger, known: KnownTimer | undefined): void {
    const { statuses, clock } = this.parts;
    const { id } = trigger;
    const nowMs = clock.now().getTime();
    // Of what was noted while a clock was ahead, the due times are still to come: it counts from now.
    const past = (moment: Date): Date => (moment.getTime() > nowMs + clocksDifferByMs ? new Date(nowMs) : moment);
    const armedAt = past(trigger.armedAt);
    const before = this.#entries.get(id);
    const schedule = this.#schedules.get({ ...trigger, armedAt });
    if (schedule === undefined) {
      this.#entries.delete(id);
      statuses.report(trigger, "INVALID", "Its schedule or its time zone is not understood by this version of Fermi.");
      return;
    }
    // What has failed last time is failing until it has run, or was changed.
    const isNews = before !== undefined || known?.condition !== "FAILING";
    if (isNews) statuses.report(trigger, "READY", null);
    const sinceMs = Math.max(armedAt.getTime(), before?.sinceMs ?? 0, past(known?.decidedAt ?? armedAt).getTime());
    const entry: Entry = { trigger, schedule, sinceMs, wakeMs: Infinity };
    this.#entries.set(id, entry);
    this.#schedule(entry, schedule.next(new Date(sinceMs))?.getTime() ?? Infinity);
  }

  #schedule(entry: Entry, wakeMs: number): void {
    entry.wakeMs = wakeMs;
    if (wakeMs === Infinity || this.#isStopped) return;
    if (this.#heap.size > 2 * this.#entries.size + 1_000) this.#rebuild();
    this.#heap.push(entry.trigger.id, wakeMs);
    if (this.#heap.first()?.atMs === wakeMs) this.#sleep();
  }

  /** Rids the heap of what is out of date. */
  #rebuild(): void {
    this.#heap.clear();
    for (const { trigger, wakeMs } of this.#entries.values()) {
      if (wakeMs !== Infinity) this.#heap.push(trigger.id, wakeMs);
    }
  }

  #sleep(): void {
    this.#timer?.stop();
    const first = this.#firstOfUse();
    if (first === undefined || this.#isStopped) return;
    const leftMs = first.atMs - this.parts.clock.now().getTime();
    this.#timer = this.parts.clock.after(Math.min(Math.max(leftMs, 0), maxSleepMs), () => this.#wake());
  }

  /** Takes away what is out of date before it. */
  #firstOfUse(): ReturnType<DueHeap["first"]> {
    let first = this.#heap.first();
    for (; first !== undefined && this.#entries.get(first.id)?.wakeMs !== first.atMs; first = this.#heap.first()) {
      this.#heap.pop();
    }
    return first;
  }

  #wake(): void {
    const { clock } = this.parts;
    const nowMs = clock.now().getTime();
    if (nowMs < this.#seenMs - clocksDifferByMs) return this.#beginAnew(nowMs);
    this.#seenMs = nowMs;
    const endMs = clock.monotonicMs() + sliceMs;
    for (let first = this.#heap.first(); first !== undefined && first.atMs <= nowMs; first = this.#heap.first()) {
      this.#heap.pop();
      const entry = this.#entries.get(first.id);
      if (entry?.wakeMs === first.atMs) this.#fire(entry, nowMs);
      if (clock.monotonicMs() > endMs) break;
    }
    this.#sleep();
  }

  /** The clock was set back: what was planned by it is for later than it should be. */
  #beginAnew(nowMs: number): void {
    const backSeconds = Math.round((this.#seenMs - nowMs) / 1_000);
    this.parts.logger.warn({ backSeconds }, "the clock was set back; time triggers are planned anew");
    this.#seenMs = nowMs;
    this.#entries.clear();
    this.#heap.clear();
    this.#takenUp = undefined;
    this.lookAgain();
  }

  #fire(entry: Entry, nowMs: number): void {
    const { trigger, schedule, sinceMs } = entry;
    const plan = planFiring(schedule, trigger, sinceMs, nowMs);
    entry.sinceMs = plan.sinceMs;
    this.#schedule(entry, schedule.next(new Date(plan.sinceMs))?.getTime() ?? Infinity);
    if (plan.fireMs === null) return;
    const dueMs = plan.fireMs;
    this.#calls.post(entry, dueMs, (why) => this.#goBack(trigger, dueMs, why));
  }

  /** The due time was not decided on: it is looked at once more, by then perhaps with the trigger as it has become. */
  #goBack({ id, revision }: TimeTrigger, dueMs: number, why: Undecided): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.sinceMs = Math.min(entry.sinceMs, dueMs - 1);
    if (why === "CHANGED" && entry?.trigger.revision === revision) {
      // Entered anew as soon as the change is read here.
      this.#entries.set(id, { ...entry, trigger: { ...entry.trigger, revision: -1 }, wakeMs: Infinity });
      this.#takenUp = undefined;
      this.lookAgain();
    } else if (entry !== undefined) {
      this.#schedule(entry, this.parts.clock.now().getTime() + (why === "AGAIN" ? undecidedPauseMs : 0));
    }
  }

  /** To be awaited now and then in a long piece of work. */
  #pacer(): () => Promise<void> {
    const { clock } = this.parts;
    let endMs = clock.monotonicMs() + sliceMs;
    return async () => {
      if (clock.monotonicMs() < endMs) return;
      await new Promise<void>((resolve) => setImmediate(resolve));
      endMs = clock.monotonicMs() + sliceMs;
    };
  }
}
