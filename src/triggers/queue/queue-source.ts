/**
 * Queue triggers, in every process of their role: reads which there are, and has each one's broker bring its messages.
 * Which process handles which message is between the brokers.
 */
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import { ResyncLoop } from "../../lib/resync-loop.js";
import { Seldom } from "../../lib/seldom.js";
import type { QueueTrigger, QueueBroker as BrokerName } from "../../model/trigger.js";
import type { LivingTriggers, TriggerSource, TriggerStatuses } from "../trigger-source.js";
import { handleMessage, type HandlerParts } from "./handle-message.js";
import type { Consumer, Delivery, QueueBroker, Verdict } from "./queue-broker.js";
import { QueueHealth } from "./queue-health.js";

export interface QueueSourceOptions extends HandlerParts {
  readonly triggers: LivingTriggers<QueueTrigger>;
  /** Those that this installation has. */
  readonly brokers: Partial<Readonly<Record<BrokerName, QueueBroker>>>;
  readonly statuses: TriggerStatuses;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long what is being handled may go on when this is stopped. */
  readonly graceMs: number;
}

/** Without a word of a change it is looked as often as this. */
const everyMs = 30_000;
/** For giving back what could not end in time. */
const lastWordsMs = 2_000;

interface Served {
  readonly trigger: QueueTrigger;
  readonly consumer: Consumer;
  readonly health: QueueHealth;
}

export class QueueSource implements TriggerSource {
  readonly #served = new Map<string, Served>();
  /** Consumers whose trigger was changed or switched off, still handling what they have. */
  readonly #ending = new Set<Consumer>();
  /** All that there are, also those that are off, so that it shows which are gone for good, or have another topic. */
  #known = new Map<string, QueueTrigger>();
  readonly #loop: ResyncLoop;
  readonly #trouble: Seldom;
  #isStopping = false;

  constructor(private readonly options: QueueSourceOptions) {
    this.#loop = new ResyncLoop(() => this.#reconcile(), everyMs, options.clock);
    this.#trouble = new Seldom(options.clock);
  }

  start(): void {
    void this.#loop.ask();
  }

  lookAgain(): void {
    void this.#loop.ask();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loop.stop();
    for (const { consumer, health } of this.#served.values()) {
      health.end();
      this.#end(consumer);
    }
    const ended = Promise.all(Object.values(this.options.brokers).map((broker) => broker.stop()));
    await this.#within(this.options.graceMs, ended);
    for (const consumer of this.#ending) consumer.abandon();
    await this.#within(lastWordsMs, ended);
  }

  async #reconcile(): Promise<void> {
    try {
      const triggers = await this.options.triggers.load();
      this.#trouble.reset();
      if (!this.#isStopping) this.#apply(new Map(triggers.map((trigger) => [trigger.id, trigger])));
    } catch (error) {
      if (this.#trouble.isDue()) this.options.logger.warn({ err: error }, "queue triggers can't be read");
      throw error;
    }
  }

  #apply(triggers: Map<string, QueueTrigger>): void {
    // Of a trigger that is gone, and of the topic that one had before: nothing to the one that it has now.
    for (const [id, trigger] of this.#known) if (triggers.get(id)?.topic !== trigger.topic) this.#forget(trigger);
    this.#known = triggers;
    for (const [id, { trigger }] of this.#served) {
      const now = triggers.get(id);
      if (now?.enabled !== true || now.revision !== trigger.revision) this.#leave(id);
    }
    for (const trigger of triggers.values()) {
      if (trigger.enabled && !this.#served.has(trigger.id)) this.#serve(trigger);
    }
  }

  #serve(trigger: QueueTrigger): void {
    const { brokers, statuses, clock } = this.options;
    const broker = brokers[trigger.broker];
    if (broker === undefined) {
      statuses.report(trigger, "INVALID", `This installation has no ${trigger.broker}: FERMI_NATS_URL is not set.`);
      return;
    }
    const health = new QueueHealth(trigger, statuses, clock);
    const consumer = broker.subscribe({
      trigger,
      handle: (delivery) => this.#handle(trigger, health, delivery),
      onTrouble: (reason) => health.trouble(reason),
      onLost: (reason, messageId) => {
        health.handled(reason);
        this.#tellOfLoss(trigger, messageId, reason);
      },
    });
    this.#served.set(trigger.id, { trigger, consumer, health });
  }

  async #handle(trigger: QueueTrigger, health: QueueHealth, delivery: Delivery): Promise<Verdict> {
    const { verdict, problem, isDead } = await handleMessage(this.options, trigger, delivery);
    if (!delivery.signal.aborted) health.handled(problem);
    if (isDead && trigger.errorTopic === null) this.#tellOfLoss(trigger, delivery.message.id, problem);
    return verdict;
  }

  #tellOfLoss({ id, namespace, topic }: QueueTrigger, message: string, why: string | null): void {
    const fields = { trigger: id, namespace, topic, message, why };
    this.options.logger.warn(fields, "a message has failed for good, and no error topic has it");
  }

  #forget(trigger: QueueTrigger): void {
    void this.options.brokers[trigger.broker]?.forget(trigger);
  }

  #leave(id: string): void {
    const served = this.#served.get(id);
    if (served === undefined) return;
    this.#served.delete(id);
    served.health.end();
    this.#end(served.consumer);
  }

  #end(consumer: Consumer): void {
    this.#ending.add(consumer);
    void consumer.stop().finally(() => this.#ending.delete(consumer));
  }

  #within(ms: number, done: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.clock.after(ms, resolve);
      void done.finally(() => {
        timer.stop();
        resolve();
      });
    });
  }
}
