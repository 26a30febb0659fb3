/**
 * Events on their way to one trigger's function. Those of one object are told one after another, in order, each until it is
 * settled; those of different objects side by side, up to a bound. What fails is tried again with growing pauses, and as
 * long as it fails a newer event of the same object takes the place of the one that waits: a function that is down is told
 * late, and of the state that is then. What waits is bounded by who puts events in: `room` says when there is room.
 */
import { backoffMs } from "../../invocations/async-state.js";
import type { Clock } from "../../lib/clock.js";
import type { Stoppable } from "../../lib/stoppable.js";
import { merge, nameOf, type WatchEvent } from "./watch-event.js";

/** SETTLED: it is told, or never will be. */
export type Delivery = "SETTLED" | "FAILED";

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

interface Lane<M> {
  readonly name: string;
  readonly waiting: { event: WatchEvent; mark: M }[];
  failures: number;
  isReady: boolean;
  isDelivering: boolean;
  retry: { stop(): void } | undefined;
}

/** Of an event beside its body. */
const overheadBytes = 512;
/** So many failures in a row, of whichever objects, are the function's own; with it back nothing waits any longer. */
const downFailures = 5;

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
    const last = lane.waiting.at(-1);
    if (last === undefined || !isReplaceable(lane, last.event, event)) lane.waiting.push({ event, mark });
    else {
      this.#bytes -= bytesOf(last.event);
      this.#options.onLeft(last.mark, undefined);
      Object.assign(last, { event: merge(last.event, event), mark });
      this.#roomMade();
    }
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
      ...{ name, waiting: [], failures: 0 },
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
    else this.#failed(lane);
    if (this.#running === 0 && this.#isStopped) this.#onIdle();
    this.#next();
  }

  #settled(lane: Lane<M>, { event, mark }: { event: WatchEvent; mark: M }): void {
    lane.waiting.shift();
    lane.failures = 0;
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
    const { clock, random } = this.#options;
    lane.retry = clock.after(backoffMs(lane.failures, random), () => {
      lane.retry = undefined;
      this.#offer(lane);
    });
  }

  #roomMade(): void {
    for (const wake of this.#roomWaiters) wake();
    this.#roomWaiters.clear();
  }
}

/** What is being told at the moment stays what it is. */
function isReplaceable(lane: Lane<unknown>, last: WatchEvent, event: WatchEvent): boolean {
  const isBeingTold = lane.isDelivering && lane.waiting.length === 1;
  return lane.failures > 0 && !isBeingTold && last.metadata.uid === event.metadata.uid;
}

const bytesOf = ({ body }: WatchEvent): number => body.length + overheadBytes;
