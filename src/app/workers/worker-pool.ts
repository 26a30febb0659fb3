/** As many workers as there are to be: started together, each one that dies replaced, and stopped together. */
import type { Server } from "node:net";
import { Backoff } from "../../lib/backoff.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import { AppError } from "../../errors/app-error.js";
import { Acceptor } from "./acceptor.js";
import { SeenByAll } from "./seen-by-all.js";
import type { AsksOfParent, MetricsPage, ToParent, WorkerSettings } from "./worker-messages.js";
import type { WorkerForks } from "./worker-forks.js";
import { WorkerProcess } from "./worker-process.js";

export interface WorkerPoolOptions {
  readonly count: number;
  readonly forks: Pick<WorkerForks, "take">;
  /** Asked at each start of a worker. */
  readonly settings: (number: number) => Omit<WorkerSettings, "unready">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** All workers that route have taken up all changes up to this one. */
  readonly onSeen: (change: string) => void;
  /** Before the worker of this number is replaced. */
  readonly onEnded: (number: number) => void;
  readonly page: () => Promise<MetricsPage>;
  /** Bounds the connections of its port. */
  readonly guard: (server: Server) => void;
}

/** Who has lived as long starts anew without a pause when it dies. */
const soundAfterMs = 10_000;
const firstPauseMs = 20;
const longestPauseMs = 5_000;
/** Connections wait as long for a worker's routes where none has any; with the store away they are told so after it. */
const loadMs = 5_000;
/** A worker that has been asked to stop has its own time for requests; this comes on top, for its records. */
const lastWordsMs = 15_000;

export class WorkerPool {
  readonly #acceptor: Acceptor;
  /** By number. */
  readonly #workers = new Map<number, WorkerProcess>();
  readonly #backoffs = new Map<number, Backoff>();
  readonly #seen: SeenByAll;
  #onState = (): void => {};
  /** All have been ready once. */
  #wasWhole = false;
  #isDraining = false;
  #isStopping = false;

  constructor(private readonly options: WorkerPoolOptions) {
    this.#acceptor = new Acceptor(options.guard);
    this.#seen = new SeenByAll(options.onSeen);
  }

  /**
   * Resolves to the port when it is open and all workers take connections, or with `wholly` have their routes. Rejects where
   * one of them ends before.
   */
  async start(host: string, port: number, wholly: boolean): Promise<number> {
    const opened = await this.#acceptor.listen(host, port);
    // Stopped meanwhile: what is open by now would keep the process alive.
    if (this.#isStopping) this.#acceptor.close();
    for (let number = 1; number <= this.options.count && !this.#isStopping; number++) this.#begin(number);
    await this.#until(() => this.#all.every(({ state }) => state === "READY" || (state === "UP" && !wholly)));
    return opened;
  }

  /** Why the router as a whole should get no traffic; undefined where it should. */
  get unready(): string | undefined {
    if (this.#isDraining || this.#isStopping) return "The router is stopping.";
    const ready = this.#all.filter(({ state }) => state === "READY").length;
    const isEnough = this.#wasWhole ? ready > 0 : ready === this.options.count;
    return isEnough ? undefined : `${ready} of the router's ${this.options.count} workers are ready.`;
  }

  /** Answers of those workers that gave one in time. */
  async ask<Name extends keyof AsksOfParent>(
    question: Name,
    withinMs: number,
  ): Promise<{ number: number; answer: AsksOfParent[Name] }[]> {
    const asked = this.#all.map(async (worker) => {
      const { number } = worker;
      return { number, answer: await worker.ask(question, withinMs) };
    });
    return (await Promise.allSettled(asked)).flatMap((told) => (told.status === "fulfilled" ? [told.value] : []));
  }

  drain(): void {
    this.#isDraining = true;
    for (const worker of this.#all) worker.tell({ type: "DRAIN" });
  }

  /** Takes no new connection, and lets every worker finish; kills what has not ended some time after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#onState();
    this.#acceptor.close();
    const workers = this.#all;
    for (const worker of workers) worker.tell({ type: "STOP" });
    // Not the clock's: its timers would let the process end before.
    const late = setTimeout(() => workers.forEach((worker) => worker.kill()), graceMs + lastWordsMs);
    await Promise.all(workers.map(({ ended }) => ended));
    clearTimeout(late);
  }

  get #all(): WorkerProcess[] {
    return [...this.#workers.values()];
  }

  /** None is dead and not replaced yet. */
  get #isComplete(): boolean {
    return this.#workers.size === this.options.count;
  }

  #begin(number: number): void {
    const { forks, settings, clock, page } = this.options;
    const options = {
      settings: { ...settings(number), unready: this.unready ?? null },
      clock,
      // Before it was whole for the first time nobody relies on it, and probes want an answer.
      loadMs: this.#wasWhole ? loadMs : 0,
    };
    const worker = new WorkerProcess(forks.take(), options, {
      onWord: (said, word) => this.#hear(said, word),
      onLate: () => this.#changed(),
      onEnd: (ended, how) => this.#ended(ended, how),
      page,
    });
    this.#workers.set(number, worker);
    this.#acceptor.add(worker);
    if (this.#isDraining) worker.tell({ type: "DRAIN" });
  }

  #hear(worker: WorkerProcess, word: ToParent): void {
    if (word.type === "CLOSED") return this.#acceptor.closed(worker, word.connections);
    if (word.type === "SEEN") return this.#seen.said(worker.number, word.change);
    this.#changed();
  }

  /** A worker takes connections, or has its routes, from now on. */
  #changed(): void {
    this.#acceptor.serveWaiting();
    this.#tellTogether();
    this.#onState();
  }

  #tellTogether(): void {
    const { count, logger } = this.options;
    if (!this.#wasWhole && this.#isComplete && this.#all.every(({ state }) => state === "READY")) {
      this.#wasWhole = true;
      logger.info({ workers: count }, `the router runs in ${count} worker processes`);
    }
    for (const worker of this.#all) worker.tell({ type: "TOGETHER", unready: this.unready ?? null });
  }

  #ended(worker: WorkerProcess, how: string): void {
    const { clock, logger, onEnded } = this.options;
    const { number } = worker;
    this.#workers.delete(number);
    this.#acceptor.remove(worker);
    this.#seen.left(number);
    onEnded(number);
    this.#onState();
    if (this.#isStopping) return;
    const backoff = this.#backoffs.get(number) ?? new Backoff(firstPauseMs, longestPauseMs);
    this.#backoffs.set(number, backoff);
    const nowMs = clock.monotonicMs();
    if (nowMs - worker.startedMs > soundAfterMs) backoff.succeed();
    const pauseMs = backoff.fail(nowMs);
    logger.warn({ worker: number, how, pauseMs }, "a worker of the router has ended; another one takes its place");
    this.#tellTogether();
    clock.after(pauseMs, () => {
      if (!this.#isStopping) this.#begin(number);
    });
  }

  /** Resolves early where the router is stopped. Rejects where a worker ends before it is so. */
  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onState = () => {
        if (this.#isStopping || (this.#isComplete && isSo())) resolve();
        else if (!this.#isComplete) reject(new AppError("INTERNAL", "A worker of the router ended before it was up."));
      };
      this.#onState();
    });
  }
}
