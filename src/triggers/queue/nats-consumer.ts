import { jetstream, type Consumer as NatsSideConsumer, type ConsumerMessages, type JsMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { Backoff } from "../../lib/backoff.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import { pause } from "../../lib/pause.js";
import { Seldom } from "../../lib/seldom.js";
import type { NatsLink } from "./nats-connection.js";
import { consumerName, toMessage } from "./nats-message.js";
import { NatsPublisher } from "./nats-publisher.js";
import { ensureConsumer, ensureStream, explainJetStream, managerOf, type StreamLimits } from "./nats-topics.js";
import type { Consumer, FollowUp, Subscription, Verdict } from "./queue-broker.js";

export interface NatsConsumerOptions {
  readonly link: NatsLink;
  readonly subscription: Subscription;
  readonly limits: StreamLimits;
  /** How long the server waits for word of a message before it brings it again. */
  readonly ackWaitMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onIdle: () => void;
}

/** Idle connections are asked whether they still are ones. */
const heartbeatMs = 5_000;
const pullMs = 30_000;
/** So soon it shows where a server that is there does not know the consumer, or JetStream, any more. */
const lookMs = 5_000;
/** So often a message may be given back that a process had when it was stopped. */
const uncertainAttempts = 10;
/** Kept free for those of an answer. */
const headerBytes = 4 * 1024;

/** What one trigger handles in this process. Concurrency is the server's affair: it brings no more than may be unanswered. */
export class NatsConsumer implements Consumer {
  readonly #stopping = new AbortController();
  readonly #abandoned = new AbortController();
  readonly #backoff = new Backoff(200, 10_000);
  readonly #handling = new Set<Promise<void>>();
  readonly #following: { stop(): void };
  readonly #trouble: Seldom;
  readonly #publisher: NatsPublisher;
  readonly #running: Promise<void>;
  #messages: ConsumerMessages | undefined;
  /** Why the topic is not served although the server is there. */
  #problem: string | null = null;
  /** Why what follows from its messages can't be published. */
  #unpublished: string | null = null;

  constructor(private readonly options: NatsConsumerOptions) {
    this.#trouble = new Seldom(options.clock);
    const { link, limits, clock } = options;
    this.#publisher = new NatsPublisher({ link, limits, clock, onTrouble: (reason) => this.#publishing(reason) });
    this.#following = options.link.follow(() => this.#tell());
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#messages?.stop();
    await this.#running;
    await Promise.all(this.#handling);
    this.#following.stop();
    this.options.onIdle();
  }

  abandon(): void {
    this.#abandoned.abort();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const isOver = (): boolean => this.#isStopping;
    while (!isOver()) {
      try {
        await this.#consume();
      } catch (error) {
        if (isOver()) return;
        this.#problem = explainJetStream(error);
        this.#tell();
        const { clock } = this.options;
        await pause(clock, this.#backoff.fail(clock.monotonicMs()), this.#stopping.signal);
      }
    }
  }

  /** Until it is stopped, or stream or consumer are no more. */
  async #consume(): Promise<void> {
    const { link, limits, subscription, ackWaitMs } = this.options;
    const { trigger } = subscription;
    const connection = await link.ready(this.#stopping.signal);
    const jsm = await managerOf(connection);
    const stream = await ensureStream(jsm, trigger.topic, limits);
    await ensureConsumer(jsm, stream, trigger, ackWaitMs);
    const consumer = await jetstream(connection).consumers.get(stream, consumerName(trigger));
    const messages = await consumer.consume({
      ...{ max_messages: trigger.concurrency, expires: pullMs, idle_heartbeat: heartbeatMs },
      abort_on_missing_resource: true,
    });
    this.#messages = messages;
    if (this.#isStopping) messages.stop();
    this.#problem = null;
    this.#backoff.succeed();
    this.#tell();
    const watch = new Watch(consumer, messages, this.options);
    try {
      for await (const message of messages) this.#take(message, answerBytesOf(connection));
    } finally {
      watch.stop();
    }
    if (!this.#isStopping) throw watch.fault ?? new Error("the consumer was removed");
  }

  #take(message: JsMsg, answerBytes: number): void {
    const handling = this.#handle(message, answerBytes).finally(() => this.#handling.delete(handling));
    this.#handling.add(handling);
  }

  async #handle(message: JsMsg, answerBytes: number): Promise<void> {
    const working = new Working(message, this.options);
    try {
      const verdict = await this.#verdict(message, answerBytes);
      if (verdict.type === "AGAIN") message.nak(verdict.afterMs);
      else await this.#finish(message, verdict.followUps);
    } catch (error) {
      // Unanswered, it is brought again.
      if (this.#trouble.isDue())
        this.options.logger.warn({ err: error }, "a message of NATS could not be acknowledged");
    } finally {
      working.stop();
    }
  }

  /** The server counts whatever it brings, so what is no attempt is put off here. */
  async #verdict(message: JsMsg, answerBytes: number): Promise<Verdict> {
    const { clock, subscription } = this.options;
    const { signal } = this.#abandoned;
    for (;;) {
      const { deliveryCount: attempt } = message.info;
      const verdict = await subscription.handle({
        message: toMessage(message),
        attempt,
        uncertainAttempts,
        signal,
        answerBytes,
      });
      if (verdict.type === "DONE" || verdict.isAttempt || this.#isStopping) return verdict;
      await pause(clock, verdict.afterMs, AbortSignal.any([signal, this.#stopping.signal]));
    }
  }

  /**
   * Followers are named after the message, so that the server takes each once, also where this is done twice. While they
   * can't be published the message stays here, and its function is not called again for that.
   */
  async #finish(message: JsMsg, followUps: readonly FollowUp[]): Promise<void> {
    const { subscription } = this.options;
    const leaving = AbortSignal.any([this.#stopping.signal, this.#abandoned.signal]);
    for (const [index, followUp] of followUps.entries()) {
      const id = `${consumerName(subscription.trigger)}.${message.info.stream}.${message.seq}.${index}`;
      const published = await this.#publisher.publish(followUp, id, leaving);
      if (published === "PUBLISHED") continue;
      if (published === "LEFT") message.nak();
      else this.#giveUp(message, published.refused);
      return;
    }
    await message.ackAck();
  }

  #giveUp(message: JsMsg, reason: string): void {
    this.options.subscription.onLost?.(reason, toMessage(message).id);
    // With a reason, servers before 2.10 would not take it.
    message.term();
  }

  #publishing(problem: string | null): void {
    this.#unpublished = problem;
    // Another consumer may speak for the trigger by now.
    if (!this.#isStopping) this.#tell();
  }

  #tell(): void {
    this.options.subscription.onTrouble(this.options.link.problem ?? this.#problem ?? this.#unpublished);
  }
}

/** The server takes no larger ones, headers counted. */
const answerBytesOf = ({ info }: NatsConnection): number => Math.max(0, (info?.max_payload ?? Infinity) - headerBytes);

/** Tells the server now and then that the message is being worked on, so that it is brought to nobody else. */
class Working {
  #timer: { stop(): void };

  constructor(
    private readonly message: JsMsg,
    private readonly options: Pick<NatsConsumerOptions, "clock" | "ackWaitMs">,
  ) {
    this.#timer = this.#next();
  }

  stop(): void {
    this.#timer.stop();
  }

  #next(): { stop(): void } {
    const { clock, ackWaitMs } = this.options;
    return clock.after(ackWaitMs / 3, () => {
      this.message.working();
      this.#timer = this.#next();
    });
  }
}

/** Asks for the consumer now and then: the client itself waits in silence for one that does not come back. */
class Watch {
  /** Why the messages were ended. */
  fault: Error | undefined;
  #timer: { stop(): void };
  #isOver = false;

  constructor(
    private readonly consumer: Pick<NatsSideConsumer, "info">,
    private readonly messages: Pick<ConsumerMessages, "stop">,
    private readonly options: Pick<NatsConsumerOptions, "clock" | "link">,
  ) {
    this.#timer = this.#next();
  }

  stop(): void {
    this.#isOver = true;
    this.#timer.stop();
  }

  #next(): { stop(): void } {
    return this.options.clock.after(lookMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const isAway = (): boolean => this.options.link.problem !== null;
    try {
      if (!isAway()) await this.consumer.info();
    } catch (error) {
      // A server that is away is told of by the link, and the client goes on by itself.
      if (!isAway()) this.fault = error as Error;
    }
    if (this.fault !== undefined) this.messages.stop();
    else if (!this.#isOver) this.#timer = this.#next();
  }
}
