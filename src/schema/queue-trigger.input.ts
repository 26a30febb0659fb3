import { Field, InputType, Int } from "type-graphql";
import type { NewQueueTrigger, QueueTriggerChange } from "../model/inputs.js";
import type { QueueBroker } from "../model/trigger.js";
import { queueTriggerLimits } from "../model/validate-queue-trigger.js";
import { QueueBrokerEnum } from "./enums.js";
import { NewTriggerInput, TriggerChangeInput } from "./trigger.input.js";

const topic = "The topic it reads, of the trigger's own namespace.";
const maxAttempts = `How often a message is tried before it has failed for good: ${queueTriggerLimits.maxAttempts.join(" to ")}.`;
const concurrency = `Messages handled at a time: ${queueTriggerLimits.concurrency.join(" to ")}.`;

@InputType("CreateQueueTriggerInput", { description: "A new reader of a topic." })
export class CreateQueueTriggerInput extends NewTriggerInput implements NewQueueTrigger {
  @Field(() => QueueBrokerEnum, { defaultValue: "POSTGRES", description: "What keeps the topic's messages." })
  broker!: QueueBroker;

  @Field(() => String, { description: topic })
  topic!: string;

  @Field(() => String, { nullable: true, description: "Where the function's answers go; nowhere where left out." })
  responseTopic?: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Where messages go that have failed for good; nowhere where left out.",
  })
  errorTopic?: string | null;

  @Field(() => Int, { defaultValue: 5, description: maxAttempts })
  maxAttempts!: number;

  @Field(() => Int, { defaultValue: 1, description: concurrency })
  concurrency!: number;
}

@InputType("UpdateQueueTriggerInput", {
  description: "A change of a reader of a topic. What is left out stays as it is; the broker always does.",
})
export class UpdateQueueTriggerInput extends TriggerChangeInput implements QueueTriggerChange {
  @Field(() => String, { nullable: true, description: topic })
  topic?: string | null;

  @Field(() => String, { nullable: true, description: "Where the function's answers go; null is nowhere." })
  responseTopic?: string | null;

  @Field(() => String, { nullable: true, description: "Where messages go that have failed for good; null is nowhere." })
  errorTopic?: string | null;

  @Field(() => Int, { nullable: true, description: maxAttempts })
  maxAttempts?: number | null;

  @Field(() => Int, { nullable: true, description: concurrency })
  concurrency?: number | null;
}
