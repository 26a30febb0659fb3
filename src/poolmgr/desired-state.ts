import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { ResyncLoop } from "../lib/resync-loop.js";
import { Seldom } from "../lib/seldom.js";
import type { SerialQueue } from "../lib/serial-queue.js";
import type { CodeCache } from "./code-cache.js";
import type { Fleet } from "./fleet.js";
import type { FunctionState } from "./function-state.js";
import type { PoolSource } from "./pool-source.js";

export interface DesiredStatePorts {
  readonly source: PoolSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly queue: SerialQueue;
  readonly fleet: Fleet;
  readonly codes: CodeCache;
  /** Called after each reading with the functions that are not as they were. */
  readonly onRead: (changed: readonly FunctionState[]) => void;
}

const resyncMs = 30_000;

/** Keeps the fleet's idea of what is desired as the store has it: read again at each word of a change, and slowly anyway. */
export class DesiredState {
  readonly #loop: ResyncLoop;
  readonly #trouble: Seldom;
  #subscription: { stop(): void } | undefined;
  /** Why the last reading failed. */
  problem: AppError | undefined;

  constructor(private readonly ports: DesiredStatePorts) {
    this.#loop = new ResyncLoop(() => this.#read(), resyncMs, ports.clock);
    this.#trouble = new Seldom(ports.clock);
  }

  /** Resolves after the first reading, well or not: where it failed it is tried again. */
  start(): Promise<void> {
    this.#subscription = this.ports.source.subscribe(() => void this.#loop.ask());
    return this.#loop.ask();
  }

  /** Resolves when it has been read anew; `problem` says whether that went well. */
  ask(): Promise<void> {
    return this.#loop.ask();
  }

  async stop(): Promise<void> {
    this.#subscription?.stop();
    await this.#loop.stop();
  }

  async #read(): Promise<void> {
    try {
      const desired = await this.ports.source.load();
      this.problem = undefined;
      this.#trouble.reset();
      this.ports.queue.post(() => this.#apply(desired));
    } catch (error) {
      this.problem = asProblem(error);
      if (this.#trouble.isDue()) {
        this.ports.logger.warn({ err: error }, "the desired state could not be read; what runs goes on");
      }
      throw error;
    }
  }

  #apply({ environments, functions }: Awaited<ReturnType<PoolSource["load"]>>): void {
    const { fleet } = this.ports;
    fleet.environments = new Map(environments.map((environment) => [environment.id, environment]));
    const changed = functions.filter((spec) => this.#adopt(spec)).map(({ id }) => fleet.function(id));
    const ids = new Set(functions.map(({ id }) => id));
    for (const fn of fleet.functions.values()) {
      if (fn.spec === undefined || ids.has(fn.id)) continue;
      fn.spec = undefined;
      changed.push(fn);
    }
    fleet.isLoaded = true;
    this.ports.onRead(changed);
  }

  /** Whether it is another than before. Its code is fetched ahead, so that its first call finds it in memory. */
  #adopt(spec: NonNullable<FunctionState["spec"]>): boolean {
    const { fleet, codes, clock } = this.ports;
    const fn = fleet.function(spec.id);
    const before = fn.spec;
    const isNewVersion = before?.currentVersionNumber !== spec.currentVersionNumber;
    codes.fetchAhead(spec.id, spec.currentVersionNumber, isNewVersion && fleet.isLoaded);
    if (isNewVersion) fn.currentSinceMs = clock.monotonicMs();
    fn.spec = spec;
    return isNewVersion || before.revision !== spec.revision;
  }
}

const asProblem = (error: unknown): AppError =>
  error instanceof AppError
    ? error
    : new AppError("STORE_UNAVAILABLE", "What should run could not be read from the store.", { cause: error });
