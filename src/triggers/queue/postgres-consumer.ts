import { AppError } from "../../errors/app-error.js";
import { Backoff } from "../../lib/backoff.js";
import type { Clock } from "../../lib/clock.js";
import { newId } from "../../lib/new-id.js";
import { pause } from "../../lib/pause.js";
import type { LaneLeases, LeasedMessage } from "./lane-leases.js";
import type { Consumer, Subscription, Verdict } from "./queue-broker.js";
import type { Claimed, TopicDeliveries } from "./topic-deliveries.js";

export interface ConsumerOptions {
  readonly deliveries: Pick<TopicDeliveries, "finish" | "postpone">;
  readonly leases: Pick<LaneLeases, "claim">;
  readonly subscription: Subscription;
  readonly clock: Clock;
  /** It has stopped, and handles nothing any more. */
  readonly onIdle: () => void;
  readonly onTrouble: (error: unknown) => void;
}

interface Handling {
  readonly claimed: Claimed;
  readonly ending: AbortController;
  /** Somebody else has the message. */
  isLost: boolean;
}

/** What one trigger handles in this process. */
export class PostgresConsumer implements Consumer {
  readonly #handling = new Map<string, Handling>();
  #claiming: Promise<void> | undefined;
  #isAskedAgain = false;
  #isStopping = false;
  #isAbandoned = false;
  #idle: (() => void)[] = [];

  constructor(private readonly options: ConsumerOptions) {}

  get triggerId(): string {
    return this.options.subscription.trigger.id;
  }

  get isTaking(): boolean {
    return !this.#isStopping;
  }

  /** What it has leased. */
  get held(): Claimed[] {
    return [...this.#handling.values()].flatMap(({ claimed, isLost }) => (isLost ? [] : [claimed]));
  }

  /** Takes as much as it may handle, soon; however often it is asked, one claim is made at a time. */
  claim(): void {
    this.#isAskedAgain = true;
    this.#claiming ??= this.#claimAll().finally(() => {
      this.#claiming = undefined;
      if (this.#isAskedAgain && this.#hasRoom) this.claim();
      this.#tellIfIdle();
    });
  }

  /** Those of these epochs are somebody else's now. */
  lose(epochs: ReadonlySet<string>): void {
    for (const [epoch, handling] of this.#handling) {
      if (!epochs.has(epoch)) continue;
      handling.isLost = true;
      handling.ending.abort();
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    if (!this.#isIdle) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.options.onIdle();
  }

  abandon(): void {
    this.#isAbandoned = true;
    for (const { ending } of this.#handling.values()) ending.abort();
  }

  get #isIdle(): boolean {
    return this.#handling.size === 0 && this.#claiming === undefined;
  }

  get #hasRoom(): boolean {
    return !this.#isStopping && this.#handling.size < this.options.subscription.trigger.concurrency;
  }

  async #claimAll(): Promise<void> {
    const { leases, subscription, onTrouble } = this.options;
    const { id: triggerId, concurrency } = subscription.trigger;
    try {
      while (this.#isAskedAgain && this.#hasRoom) {
        this.#isAskedAgain = false;
        const limit = concurrency - this.#handling.size;
        const claimed = await leases.claim({ triggerId, limit, concurrency });
        for (const one of claimed) void this.#handle(one);
      }
    } catch (error) {
      // The next look finds them again.
      this.#isAskedAgain = false;
      onTrouble(error);
    }
  }

  async #handle({ claimed, room }: LeasedMessage): Promise<void> {
    const handling: Handling = { claimed, ending: new AbortController(), isLost: false };
    this.#handling.set(claimed.epoch, handling);
    if (this.#isAbandoned) handling.ending.abort();
    const { message, attempt } = claimed;
    const verdict = await this.options.subscription.handle({ message, attempt, signal: handling.ending.signal });
    await this.#settle(handling, verdict);
    this.#handling.delete(claimed.epoch);
    room.release();
    if (this.#hasRoom) this.claim();
    this.#tellIfIdle();
  }

  /** Tries for as long as the lease is held; what was not settled then is brought again. */
  async #settle(handling: Handling, verdict: Verdict): Promise<void> {
    const { clock } = this.options;
    const backoff = new Backoff(100, 5_000);
    while (!handling.isLost) {
      try {
        await this.#note(handling.claimed, verdict);
        return;
      } catch (error) {
        this.options.onTrouble(error);
        if (!isPassing(error) || this.#isAbandoned) return;
        await pause(clock, backoff.fail(clock.monotonicMs()), handling.ending.signal);
      }
    }
  }

  async #note(claimed: Claimed, verdict: Verdict): Promise<void> {
    const { deliveries, subscription } = this.options;
    if (verdict.type === "AGAIN") {
      await deliveries.postpone(claimed, { pauseMs: verdict.afterMs, counts: verdict.isAttempt });
      return;
    }
    const { namespace } = subscription.trigger;
    await deliveries.finish(
      claimed,
      verdict.followUps.map((followUp) => ({ ...followUp, namespace, id: newId() })),
    );
  }

  #tellIfIdle(): void {
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** It may go well in a moment. */
const isPassing = (error: unknown): boolean => error instanceof AppError && error.code === "STORE_UNAVAILABLE";
