import { Arg, Args, Ctx, FieldResolver, Mutation, Resolver, Root } from "type-graphql";
import type { TimeTrigger } from "../model/trigger.js";
import { CreateTimeTriggerInput, NextRunsArgs, UpdateTimeTriggerInput } from "../schema/time-trigger.input.js";
import { DateTimeScalar } from "../schema/scalars.js";
import { TimeTriggerType } from "../schema/time-trigger.type.js";
import type { ApiContext } from "./api-context.js";
import { nextRunsComplexity } from "./complexity.js";
import type { TriggerOperations } from "./operations.js";

@Resolver(() => TimeTriggerType)
export class TimeTriggerResolver {
  constructor(private readonly triggers: TriggerOperations) {}

  @Mutation(() => TimeTriggerType, {
    description: "Makes a time trigger: from then on its function is called at the times of its schedule.",
  })
  createTimeTrigger(
    @Arg("input", () => CreateTimeTriggerInput, { description: "What it is to be." }) input: CreateTimeTriggerInput,
    @Ctx() ctx: ApiContext,
  ): Promise<TimeTrigger> {
    return this.triggers.createTime(ctx, input);
  }

  @Mutation(() => TimeTriggerType, { description: "Changes a time trigger, at once." })
  updateTimeTrigger(
    @Arg("input", () => UpdateTimeTriggerInput, { description: "What is to change." }) input: UpdateTimeTriggerInput,
    @Ctx() ctx: ApiContext,
  ): Promise<TimeTrigger> {
    return this.triggers.updateTime(ctx, input);
  }

  @FieldResolver(() => [DateTimeScalar], {
    complexity: nextRunsComplexity,
    description: "When it is due next; never, where it is switched off.",
  })
  nextRuns(@Root() trigger: TimeTrigger, @Args(() => NextRunsArgs) { count }: NextRunsArgs): Date[] {
    return this.triggers.nextRuns(trigger, count);
  }

  @FieldResolver(() => DateTimeScalar, { nullable: true, description: "When it called its function last." })
  lastRunAt(@Root() { id }: TimeTrigger, @Ctx() { loaders }: ApiContext): Promise<Date | undefined> {
    return loaders.lastRuns.load(id);
  }
}
