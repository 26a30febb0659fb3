import { Backoff } from "../lib/backoff.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { Seldom } from "../lib/seldom.js";
import type { PoolmgrLink, PoolmgrStream, StreamListener, ToPoolmgr } from "../poolmgr/router-link.js";

/** Shorter than what poolmgr waits for a router that it knew (poolmgr-hub.ts): who was away gets its slots back. */
const longestPauseMs = 1_000;
const warnEveryMs = 10_000;

/**
 * One stream to poolmgr, opened again with growing pauses whenever it is lost. What is said while there is none is
 * dropped: the listener tells all that is still true after the next snapshot.
 */
export class PoolmgrSession {
  #stream: PoolmgrStream | undefined;
  #isRunning = false;
  #isOpen = false;
  #generation = 0;
  #retry: { stop(): void } | undefined;
  readonly #trouble: Seldom;
  readonly #backoff = new Backoff(50, longestPauseMs);

  constructor(
    private readonly link: PoolmgrLink,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly listener: Pick<StreamListener, "hello" | "onMessage">,
  ) {
    this.#trouble = new Seldom(clock, warnEveryMs);
  }

  /** Poolmgr has answered on the present stream, so it knows who waits here. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  start(): void {
    this.#isRunning = true;
    this.#open();
  }

  stop(): void {
    this.#isRunning = false;
    this.#isOpen = false;
    this.#generation++;
    this.#retry?.stop();
    this.#stream?.close();
    this.#stream = undefined;
  }

  send(message: ToPoolmgr): void {
    this.#stream?.send(message);
  }

  #open(): void {
    const generation = ++this.#generation;
    // A stream that was given up may still have something to say: it is not listened to.
    const isCurrent = (): boolean => generation === this.#generation;
    try {
      const stream = this.link.open({
        hello: () => this.listener.hello(),
        onMessage: (message) => {
          if (!isCurrent()) return;
          this.#isOpen = true;
          this.#backoff.succeed();
          this.listener.onMessage(message);
        },
        onLost: (cause) => {
          if (isCurrent()) this.#lost(cause);
        },
      });
      if (isCurrent()) this.#stream = stream;
    } catch (cause) {
      this.#lost(cause);
    }
  }

  #lost(cause?: unknown): void {
    this.#generation++;
    this.#isOpen = false;
    this.#stream = undefined;
    if (!this.#isRunning) return;
    const pauseMs = this.#backoff.fail(this.clock.monotonicMs());
    if (this.#trouble.isDue()) {
      this.logger.warn({ err: cause }, "there is no stream to the pool manager; warm functions go on being served");
    }
    this.#retry = this.clock.after(pauseMs, () => this.#open());
  }
}
