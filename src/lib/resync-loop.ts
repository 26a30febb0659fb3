import { Backoff } from "./backoff.js";
import type { Clock } from "./clock.js";
import type { Stoppable } from "./stoppable.js";

/**
 * Level-triggered work: runs when asked, again when asked while running, after `everyMs` anyway, and after a failure with
 * a growing pause. However often it is asked, it never runs twice at a time.
 */
export class ResyncLoop implements Stoppable {
  #running: Promise<void> | undefined;
  #isAskedAgain = false;
  #isStopped = false;
  #timer: { stop(): void } | undefined;
  readonly #backoff = new Backoff(100, 5_000);

  /** `work` reports its own failures; a rejection only means "try again soon". */
  constructor(
    private readonly work: () => Promise<void>,
    private readonly everyMs: number,
    private readonly clock: Clock,
  ) {}

  /** Resolves when a run that began at or after this call has ended, well or not. */
  ask(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    if (this.#running === undefined) return (this.#running = this.#run());
    this.#isAskedAgain = true;
    return this.#running;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.stop();
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#timer?.stop();
    let nextMs: number;
    do {
      this.#isAskedAgain = false;
      nextMs = await this.#attempt();
    } while (this.#isDue);
    this.#running = undefined;
    if (!this.#hasStopped) this.#timer = this.clock.after(nextMs, () => void this.ask());
  }

  // Read through getters, because they change while a run is awaited.
  get #isDue(): boolean {
    return this.#isAskedAgain && !this.#isStopped;
  }

  get #hasStopped(): boolean {
    return this.#isStopped;
  }

  async #attempt(): Promise<number> {
    try {
      await this.work();
      this.#backoff.succeed();
      return this.everyMs;
    } catch {
      return Math.min(this.everyMs, this.#backoff.fail(this.clock.monotonicMs()));
    }
  }
}
