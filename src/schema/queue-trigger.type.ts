import { Field, Int, ObjectType } from "type-graphql";
import type { QueueBroker, QueueTrigger } from "../model/trigger.js";
import { QueueBrokerEnum } from "./enums.js";
import { ResourceType } from "./resource.type.js";
import { TriggerType } from "./trigger.type.js";

@ObjectType("QueueTrigger", {
  implements: [TriggerType, ResourceType],
  description:
    "Calls its function with each message of a topic; what it returns goes to responseTopic, what fails for good to errorTopic.",
})
export class QueueTriggerType extends TriggerType implements QueueTrigger {
  readonly kind = "QUEUE";

  @Field(() => QueueBrokerEnum, { description: "What keeps the topic's messages." })
  broker!: QueueBroker;

  @Field(() => String, { description: "The topic it reads." })
  topic!: string;

  @Field(() => String, { nullable: true, description: "Where the function's answers go; nowhere where null." })
  responseTopic!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Where messages go that have failed for good; nowhere where null.",
  })
  errorTopic!: string | null;

  @Field(() => Int, { description: "How often a message is tried before it has failed for good." })
  maxAttempts!: number;

  @Field(() => Int, { description: "Messages handled at a time." })
  concurrency!: number;
}
