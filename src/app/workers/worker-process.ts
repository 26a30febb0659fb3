/** One worker of the router, seen from the process that it belongs to. */
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Clock } from "../../lib/clock.js";
import type { Taker } from "./acceptor.js";
import { WorkerChannel } from "./worker-channel.js";
import type { AsksOfParent, AsksOfWorker, MetricsPage, ToParent, ToWorker, WorkerSettings } from "./worker-messages.js";

/**
 * STARTING takes no connections yet. LOADING could, but is about to have its routes. UP takes them without routes, READY has
 * its routes.
 */
type State = "STARTING" | "LOADING" | "UP" | "READY" | "ENDED";

export interface WorkerListener {
  /** What it says changes its state, or what it has closed or seen. */
  onWord(worker: WorkerProcess, word: ToParent): void;
  /** It has no routes still, and takes connections from now on. */
  onLate(): void;
  /** Once. `how` says by what code or signal. */
  onEnd(worker: WorkerProcess, how: string): void;
  /** The metrics of all together. */
  page(): Promise<MetricsPage>;
}

export interface WorkerProcessOptions {
  readonly settings: WorkerSettings;
  readonly clock: Clock;
  /** How long it gets to load its routes before it takes connections without. */
  readonly loadMs: number;
}

export class WorkerProcess implements Taker {
  readonly #channel: WorkerChannel<ToWorker, ToParent, AsksOfParent, AsksOfWorker>;
  readonly startedMs: number;
  #state: State = "STARTING";
  /** Resolves when the process is no more. */
  readonly ended: Promise<void>;

  constructor(
    private readonly child: ChildProcess,
    private readonly options: WorkerProcessOptions,
    private readonly listener: WorkerListener,
  ) {
    const { settings, clock } = options;
    this.startedMs = clock.monotonicMs();
    this.#channel = new WorkerChannel(this.child, clock, {
      onTold: (word) => this.#hear(word),
      answers: { PAGE: () => listener.page() },
    });
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        if (this.#state === "ENDED") return;
        this.#state = "ENDED";
        this.#channel.close();
        listener.onEnd(this, how);
        resolve();
      };
      this.child.once("exit", (code, signal) => end(signal ?? `code ${code}`));
      this.child.on("error", (error) => this.child.pid === undefined && end(error.message));
    });
    this.tell({ type: "BEGIN", settings });
  }

  get number(): number {
    return this.options.settings.number;
  }

  get state(): State {
    return this.#state;
  }

  /** Who has its routes is fitter than who has not. */
  get fitness(): number | undefined {
    return { STARTING: undefined, LOADING: undefined, UP: 0, READY: 1, ENDED: undefined }[this.#state];
  }

  tell(message: ToWorker): void {
    this.#channel.tell(message);
  }

  hand(socket: Socket, onSent: () => void): void {
    this.#channel.hand({ type: "CONNECTION" }, socket, onSent);
  }

  /** Rejects where no answer comes within the time. */
  ask<Name extends keyof AsksOfParent>(question: Name, withinMs: number): Promise<AsksOfParent[Name]> {
    return this.#channel.ask(question, withinMs);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  #hear(word: ToParent): void {
    if (this.#state === "ENDED") return;
    if (word.type === "UP") this.#load();
    if (word.type === "READY") this.#state = "READY";
    this.listener.onWord(this, word);
  }

  #load(): void {
    const { clock, loadMs } = this.options;
    this.#state = loadMs === 0 ? "UP" : "LOADING";
    clock.after(loadMs, () => {
      if (this.#state !== "LOADING") return;
      this.#state = "UP";
      this.listener.onLate();
    });
  }
}
