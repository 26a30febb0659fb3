/**
 * The port between queue triggers and whatever keeps their messages. A broker is one file: it brings messages, and does
 * with each what it is told. What is called, how often, and what follows from it is decided on this side of the port.
 *
 * What every broker guarantees:
 * - each subscription is durable: a message that was there is brought at least once, whatever ends in between;
 * - no more than the trigger's `concurrency` are being handled at a time, of all processes together;
 * - a message that is being handled stays with who handles it for as long as that takes, and goes to another when its
 *   process is gone; who was late changes nothing any more;
 * - what follows from a message is published before the message is given up.
 */
import type { Stoppable } from "../../lib/stoppable.js";
import type { QueueTrigger } from "../../model/trigger.js";

export interface QueueMessage {
  readonly id: string;
  /** To which it was published: the trigger may have been given another since. */
  readonly topic: string;
  readonly key: string | null;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A message that is to be handled now. */
export interface Delivery {
  readonly message: QueueMessage;
  /** Counts from 1; goes on counting in whichever process. */
  readonly attempt: number;
  /** So many of the attempts may have been none, as the broker counts whatever it brings. */
  readonly uncertainAttempts?: number;
  /** Aborts when the message is not this process' any more, or the consumer has to end. */
  readonly signal: AbortSignal;
  /** An answer may be published that has no more, where the broker takes less than a message may have else. */
  readonly answerBytes?: number;
}

/** A message for another topic of the same broker. */
export type FollowUp = Omit<QueueMessage, "id">;

/** What is to be done with a message. */
export type Verdict =
  /** Published, then acknowledged. */
  | { readonly type: "DONE"; readonly followUps: readonly FollowUp[] }
  /** Brought again after a while. Where it was no attempt it is not to be counted as one. */
  | { readonly type: "AGAIN"; readonly afterMs: number; readonly isAttempt: boolean };

export interface Subscription {
  readonly trigger: QueueTrigger;
  /** Never rejects. */
  readonly handle: (delivery: Delivery) => Promise<Verdict>;
  /** Why the broker brings nothing, in words; null when it does again. */
  readonly onTrouble: (reason: string | null) => void;
  /** A message was given up, because what follows from it can never be published. */
  readonly onLost?: (reason: string, messageId: string) => void;
}

/** A subscription that is served. `stop` takes nothing new, and resolves when nothing is being handled any more. */
export interface Consumer extends Stoppable {
  stop(): Promise<void>;
  /** Ends what is being handled: the deliveries' signals abort. */
  abandon(): void;
}

export interface QueueBroker extends Stoppable {
  /** Begins at once, or as soon as the broker can be reached. Of one trigger one consumer takes messages at a time; those before it may still be ending. */
  subscribe(subscription: Subscription): Consumer;
  /** Messages that are not dealt with, by trigger. Rejects where they can't be counted now. */
  backlog(triggers: readonly Pick<QueueTrigger, "id" | "topic">[]): Promise<ReadonlyMap<string, number>>;
  /** The trigger is gone for good, or has another topic, and what is kept for it may go too. Does what it can; never rejects. */
  forget(trigger: QueueTrigger): Promise<void>;
  stop(): Promise<void>;
}
