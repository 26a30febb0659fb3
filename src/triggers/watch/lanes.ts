/**
 * Events on their way to one trigger's function. Those of one object are told one after another, in order, each until it is
 * settled; those of different objects side by side, up to a bound. What fails is tried again with growing pauses, and as
 * long as an object's events fail, the newest takes the place of all that wait, of one that has failed too: whoever can't
 * take a state is not told of it for ever, but of the one that is now, and soon. What waits is bounded by who puts events
 * in: `room` says when there is room.
 */
import { backoffMs } from "../../invocations/async-state.js";
import type { Clock } from "../../lib/clock.js";
import type { Stoppable } from "../../lib/stoppable.js";
import { merge, nameOf, type WatchEvent } from "./watch-event.js";

/** SETTLED: it is told, or never will be. PUT_OFF: nobody was asked; it is to be tried again soon, and counts for nothing. */
export type Delivery = "SETTLED" | "FAILED" | "PUT_OFF";

export interface LanesOptions<M> {
  readonly clock: Clock;
  /** Never rejects. Of one object it is called for one event at a time. */
  readonly deliver: (event: WatchEvent, attempt: number) => Promise<Delivery>;
  /** Once for each event that was put in, by its mark: it is told, or was replaced by a newer one. */
  readonly onLeft: (mark: M, told: WatchEvent | undefined) => void;
  /** From 0 to 1. */
  readonly random: () => number;
  /** At a time. */
  readonly concurrency?: number;
}

interface Waiting<M> {
  event: WatchEvent;
  mark: M;
}

interface Lane<M> {
  readonly name: string;
  readonly waiting: Waiting<M>[];
  /** Of the first that waits, as it is now. */
  failures: number;
  /** Events in a row that failed and were replaced by a newer one. */
  givenUp: number;
  isReady: boolean;
  isDelivering: boolean;
  retry: { readonly dueMs: number; stop(): void } | undefined;
}

/** Of an event beside its body. */
const overheadBytes = 512;
/** So many failures in a row, of whichever objects, are the function's own; with it back nothing waits any longer. */
const downFailures = 5;
const putOffMs = 1_000;
/** So soon what is newer is told, however long its object has failed: objects that change all the time come no oftener. */
const newerWithinMs = 30_000;

export class Lanes<M> implements Stoppable {
  readonly #options: Required<LanesOptions<M>>;
  readonly #lanes = new Map<string, Lane<M>>();
  readonly #ready: Lane<M>[] = [];
  readonly #roomWaiters = new Set<() => void>();
  #running = 0;
  #bytes = 0;
  #failuresInARow = 0;
  #isStopped = false;
  #onIdle: () => void = () => {};

  constructor(options: LanesOptions<M>) {
    this.#options = { concurrency: 8, ...options };
  }

  /** Of what waits or is being told. */
  get bytes(): number {
    return this.#bytes;
  }

  put(event: WatchEvent, mark: M): void {
    if (this.#isStopped) return;
    const name = nameOf(event);
    const lane = this.#lanes.get(name) ?? this.#open(name);
    this.#bytes += bytesOf(event);
    lane.waiting.push({ event, mark });
    if (isFailing(lane)) this.#putTogether(lane);
    this.#offer(lane);
  }

  /** The newest event of each object that has not been told, by uid. */
  untold(): Map<string, WatchEvent> {
    const all = [...this.#lanes.values()].flatMap(({ waiting }) => waiting);
    return new Map(all.map(({ event }) => [event.metadata.uid, event]));
  }

  /** Resolves when less than `maxBytes()` wait, or nothing, or when it is stopped. */
  async room(maxBytes: () => number): Promise<void> {
    while (this.#bytes >= maxBytes() && this.#bytes > 0 && !this.#isStopped) {
      await new Promise<void>((resolve) => this.#roomWaiters.add(resolve));
    }
  }

  /** Nothing waits for its time any longer: whoever failed may work now. */
  retryNow(): void {
    for (const lane of this.#lanes.values()) {
      if (lane.retry === undefined) continue;
      lane.retry.stop();
      lane.retry = undefined;
      this.#offer(lane);
    }
  }

  /** Begins nothing new, and resolves when what is being told is over. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#roomMade();
    for (const { retry } of this.#lanes.values()) retry?.stop();
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #open(name: string): Lane<M> {
    const lane: Lane<M> = {
      ...{ name, waiting: [], failures: 0, givenUp: 0 },
      ...{ isReady: false, isDelivering: false, retry: undefined },
    };
    this.#lanes.set(name, lane);
    return lane;
  }

  #offer(lane: Lane<M>): void {
    if (lane.isReady || lane.isDelivering || lane.retry !== undefined || lane.waiting.length === 0) return;
    lane.isReady = true;
    this.#ready.push(lane);
    this.#next();
  }

  #next(): void {
    while (!this.#isStopped && this.#running < this.#options.concurrency) {
      const lane = this.#ready.shift();
      if (lane === undefined) return;
      lane.isReady = false;
      void this.#deliver(lane);
    }
  }

  async #deliver(lane: Lane<M>): Promise<void> {
    const [head] = lane.waiting;
    if (head === undefined) return;
    lane.isDelivering = true;
    this.#running++;
    const delivery = await this.#options.deliver(head.event, lane.failures + 1);
    this.#running--;
    lane.isDelivering = false;
    if (delivery === "SETTLED") this.#settled(lane, head);
    else if (delivery === "FAILED") this.#failed(lane);
    else this.#retryIn(lane, putOffMs);
    if (this.#running === 0 && this.#isStopped) this.#onIdle();
    this.#next();
  }

  #settled(lane: Lane<M>, { event, mark }: { event: WatchEvent; mark: M }): void {
    lane.waiting.shift();
    Object.assign(lane, { failures: 0, givenUp: 0 });
    if (lane.waiting.length === 0) this.#lanes.delete(lane.name);
    this.#bytes -= bytesOf(event);
    this.#options.onLeft(mark, event);
    const wasDown = this.#failuresInARow >= downFailures;
    this.#failuresInARow = 0;
    if (wasDown) this.retryNow();
    this.#roomMade();
    this.#offer(lane);
  }

  #failed(lane: Lane<M>): void {
    lane.failures++;
    this.#failuresInARow++;
    if (this.#isStopped) return;
    this.#retryIn(lane, backoffMs(lane.givenUp + lane.failures, this.#options.random));
    this.#putTogether(lane);
  }

  #retryIn(lane: Lane<M>, ms: number): void {
    const { clock } = this.#options;
    lane.retry?.stop();
    if (this.#isStopped) return;
    const timer = clock.after(ms, () => {
      lane.retry = undefined;
      this.#offer(lane);
    });
    lane.retry = { dueMs: clock.monotonicMs() + ms, stop: () => timer.stop() };
  }

  /** Of each object that had this name no more than the newest event waits, beside one that is being told. */
  #putTogether(lane: Lane<M>): void {
    const [head] = lane.waiting;
    const all = lane.waiting.splice(0);
    for (const one of all) {
      const last = lane.waiting.at(-1);
      const isBeingTold = lane.isDelivering && last === head;
      if (last === undefined || isBeingTold || !isOfSame(last, one)) lane.waiting.push(one);
      else lane.waiting.splice(-1, 1, this.#replaced(last, one));
    }
    if (lane.waiting.length < all.length) this.#roomMade();
    if (lane.waiting[0] !== head) this.#giveUp(lane);
  }

  #replaced(old: Waiting<M>, { event, mark }: Waiting<M>): Waiting<M> {
    this.#bytes -= bytesOf(old.event);
    this.#options.onLeft(old.mark, undefined);
    return { event: merge(old.event, event), mark };
  }

  /** The first that waits is another now, and has not failed yet. */
  #giveUp(lane: Lane<M>): void {
    if (lane.failures === 0) return;
    Object.assign(lane, { failures: 0, givenUp: lane.givenUp + 1 });
    if (lane.retry === undefined) return;
    const { clock, random } = this.#options;
    const soonMs = Math.min(newerWithinMs, backoffMs(lane.givenUp, random));
    if (clock.monotonicMs() + soonMs < lane.retry.dueMs) this.#retryIn(lane, soonMs);
  }

  #roomMade(): void {
    for (const wake of this.#roomWaiters) wake();
    this.#roomWaiters.clear();
  }
}

const isFailing = ({ failures, givenUp }: Lane<unknown>): boolean => failures > 0 || givenUp > 0;

const isOfSame = (one: Waiting<unknown>, other: Waiting<unknown>): boolean =>
  one.event.metadata.uid === other.event.metadata.uid;

const bytesOf = ({ body }: WatchEvent): number => body.length + overheadBytes;
