/**
 * Tells the others that this process runs and how it is, every few seconds, and knows the same of them. Through the
 * store: it is what all processes have in common, and who asks for checks has to reach it anyway.
 */
import os from "node:os";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { newId } from "../lib/new-id.js";
import { programVersion } from "../lib/program-version.js";
import { ResyncLoop } from "../lib/resync-loop.js";
import type { Check } from "../model/check.js";
import type { ServerProcess } from "../model/server-process.js";
import type { Wakeups } from "../store/wakeups.js";
import type { ServerProcessRepository } from "../store/repositories/server-process.repository.js";

/** How a process is. */
export type ProcessLook = Pick<ServerProcess, "unready" | "leads" | "cluster" | "checks">;

export interface ProcessRegistryOptions {
  readonly repository: ServerProcessRepository;
  readonly wakeups: Pick<Wakeups, "wait">;
  readonly roles: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly look: () => Promise<ProcessLook>;
}

const reportEveryMs = 5_000;
/** Who was not heard of for this long is no more. */
const heardWithinMs = 20_000;
/** Calls between roles are refused where clocks differ by a minute. */
const tolerableSkewMs = 10_000;

export class ProcessRegistry {
  readonly #id = newId();
  readonly #startedAt: Date;
  readonly #loop: ResyncLoop;
  #skewMs: number | undefined;
  /** Up to which change this process has taken up what was changed. */
  #changeSeen: string | null = null;
  #isStopped = false;

  constructor(private readonly options: ProcessRegistryOptions) {
    const { clock } = options;
    this.#startedAt = clock.now();
    this.#loop = new ResyncLoop(() => this.#report(), reportEveryMs, clock);
  }

  start(): void {
    void this.#loop.ask();
  }

  /** Says good-bye, where the store is there to hear it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop.stop();
    await this.options.repository.remove(this.#id).catch(() => undefined);
  }

  /** This process has taken up all changes up to this one. */
  seen(change: string): void {
    if (this.#changeSeen === change) return;
    this.#changeSeen = change;
    // Where it can't be told, it comes with the next report.
    this.options.repository.seen(this.#id, change).catch(() => undefined);
  }

  /** Resolves when all that route or manage pools have taken up all changes there are now, or `signal` aborts. */
  async inForce(signal: AbortSignal): Promise<void> {
    const { repository, wakeups } = this.options;
    const change = await repository.lastChange();
    while (!signal.aborted && !(await repository.areUpTo(change, heardWithinMs))) {
      await wakeups.wait("fermi_process", signal);
    }
  }

  /** This process as it is now, and the others as they were within the last seconds. Rejects where the store is away. */
  async all(): Promise<ServerProcess[]> {
    const [self, known] = await Promise.all([this.describe(), this.options.repository.list(heardWithinMs)]);
    return [self, ...known.filter(({ id }) => id !== this.#id)];
  }

  /** This process as it is now. */
  async describe(): Promise<ServerProcess> {
    const looked = await this.options.look();
    return {
      id: this.#id,
      roles: this.options.roles,
      host: os.hostname(),
      version: programVersion(),
      startedAt: this.#startedAt,
      ...looked,
      checks: [...looked.checks, ...this.#clockCheck()],
    };
  }

  async #report(): Promise<void> {
    const { clock, logger, repository } = this.options;
    if (this.#isStopped) return;
    try {
      const self = await this.describe();
      const askedMs = clock.now().getTime();
      const there = await repository.report(self, this.#changeSeen);
      this.#skewMs = there.getTime() - (askedMs + clock.now().getTime()) / 2;
    } catch (error) {
      logger.debug({ err: error }, "this process could not report itself");
      throw error;
    }
  }

  #clockCheck(): Check[] {
    if (this.#skewMs === undefined) return [];
    const ok = Math.abs(this.#skewMs) < tolerableSkewMs;
    const seconds = (Math.abs(this.#skewMs) / 1_000).toFixed(1);
    const message = ok
      ? `This process and the store agree about the time to ${seconds} s.`
      : `This process and the store differ about the time by ${seconds} s; beyond a minute processes refuse each other: synchronize the clocks.`;
    return [{ name: "store's clock", ok, message }];
  }
}
