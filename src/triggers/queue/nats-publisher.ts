/** Publishes to subjects of NATS what follows from messages: again and again, until it is there or can never be. */
import { jetstream, JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "@nats-io/transport-node";
import { Backoff } from "../../lib/backoff.js";
import type { Clock } from "../../lib/clock.js";
import { pause } from "../../lib/pause.js";
import type { NatsLink } from "./nats-connection.js";
import { toHeaders } from "./nats-message.js";
import { ensureStream, managerOf, type StreamLimits } from "./nats-topics.js";
import type { FollowUp } from "./queue-broker.js";

export interface NatsPublisherOptions {
  readonly link: NatsLink;
  readonly limits: StreamLimits;
  readonly clock: Clock;
  /** What keeps it from publishing, in words; null when nothing does any more. */
  readonly onTrouble: (reason: string | null) => void;
}

/** PUBLISHED, LEFT where the signal aborted before, or why it never can be. */
export type Published = "PUBLISHED" | "LEFT" | { readonly refused: string };

export class NatsPublisher {
  constructor(private readonly options: NatsPublisherOptions) {}

  /** The server takes what has one `id` once. Never rejects. */
  async publish(followUp: FollowUp, id: string, signal: AbortSignal): Promise<Published> {
    const { clock, onTrouble } = this.options;
    const backoff = new Backoff(200, 10_000);
    // Asked anew each time, because it changes while something is awaited.
    const isOver = (): boolean => signal.aborted;
    for (let isFirst = true; !isOver(); isFirst = false) {
      try {
        await this.#publish(followUp, id, signal);
        if (!isFirst) onTrouble(null);
        return "PUBLISHED";
      } catch (error) {
        const reason = `What follows from a message can't be published to ${followUp.topic}: ${(error as Error).message}.`;
        if (isForGood(error)) return { refused: reason };
        if (!isOver()) onTrouble(reason);
        await pause(clock, backoff.fail(clock.monotonicMs()), signal);
      }
    }
    return "LEFT";
  }

  async #publish(followUp: FollowUp, msgID: string, signal: AbortSignal): Promise<void> {
    const connection = await this.options.link.ready(signal);
    await ensureStream(await managerOf(connection), followUp.topic, this.options.limits);
    await jetstream(connection).publish(followUp.topic, followUp.body, { msgID, headers: toHeaders(followUp) });
  }
}

const streamMessageExceedsMaximum = 10_054;

/** It is larger than the server, or the stream, takes. */
const isForGood = (error: unknown): boolean =>
  error instanceof errors.InvalidArgumentError ||
  (error instanceof JetStreamApiError && error.code === streamMessageExceedsMaximum);
