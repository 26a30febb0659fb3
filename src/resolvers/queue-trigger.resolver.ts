import { Arg, Ctx, FieldResolver, Int, Mutation, Resolver, Root, UseMiddleware } from "type-graphql";
import type { QueueTrigger } from "../model/trigger.js";
import { CreateQueueTriggerInput, UpdateQueueTriggerInput } from "../schema/queue-trigger.input.js";
import { QueueTriggerType } from "../schema/queue-trigger.type.js";
import { atMost, saturated } from "../schema/saturated.js";
import type { ApiContext } from "./api-context.js";
import type { TriggerOperations } from "./operations.js";

@Resolver(() => QueueTriggerType)
export class QueueTriggerResolver {
  constructor(private readonly triggers: TriggerOperations) {}

  @Mutation(() => QueueTriggerType, {
    description: "Makes a reader of a topic: from then on its function is called with the topic's messages.",
  })
  createQueueTrigger(
    @Arg("input", () => CreateQueueTriggerInput, { description: "What it is to be." }) input: CreateQueueTriggerInput,
    @Ctx() ctx: ApiContext,
  ): Promise<QueueTrigger> {
    return this.triggers.createQueue(ctx, input);
  }

  @Mutation(() => QueueTriggerType, { description: "Changes a reader of a topic." })
  updateQueueTrigger(
    @Arg("input", () => UpdateQueueTriggerInput, { description: "What is to change." }) input: UpdateQueueTriggerInput,
    @Ctx() ctx: ApiContext,
  ): Promise<QueueTrigger> {
    return this.triggers.updateQueue(ctx, input);
  }

  @UseMiddleware(saturated)
  @FieldResolver(() => Int, {
    nullable: true,
    description: `Messages that are not dealt with, those included that are being handled; null where that can't be told now. ${atMost}`,
  })
  backlog(@Root() trigger: QueueTrigger, @Ctx() { loaders }: ApiContext): Promise<number | undefined> {
    return loaders.backlogs.load(trigger);
  }
}
