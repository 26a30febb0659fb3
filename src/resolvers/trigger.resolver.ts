import { Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from "type-graphql";
import type { FunctionSpec } from "../model/function.js";
import { statusOf, type Trigger, type TriggerStatus } from "../model/trigger.js";
import type { CountedConnectionShape } from "../schema/connection.type.js";
import { TriggerConnection } from "../schema/connections.js";
import { FunctionType } from "../schema/function.type.js";
import { TriggersArgs } from "../schema/list.args.js";
import { IdArgs } from "../schema/resource.args.js";
import { SetTriggerEnabledArgs } from "../schema/trigger.input.js";
import { TriggerStatusType, TriggerType } from "../schema/trigger.type.js";
import { type ApiContext, getReferred } from "./api-context.js";
import { connect, forward } from "./connection.js";
import { listOf } from "./list-of.js";
import type { FunctionOperations, TriggerOperations } from "./operations.js";

@Resolver(() => TriggerType)
export class TriggerResolver {
  constructor(
    private readonly triggers: TriggerOperations,
    private readonly functions: Pick<FunctionOperations, "count">,
  ) {}

  @Query(() => TriggerType, { nullable: true, description: "The trigger with this id; null where there is none." })
  trigger(@Args(() => IdArgs) { id }: IdArgs, @Ctx() ctx: ApiContext): Promise<Trigger | undefined> {
    return this.triggers.find(ctx, id);
  }

  @Query(() => TriggerConnection, {
    name: "triggers",
    description: "Triggers, in the order of namespace, name and kind.",
  })
  listTriggers(
    @Args(() => TriggersArgs) { first, after, ...filter }: TriggersArgs,
    @Ctx() ctx: ApiContext,
  ): Promise<CountedConnectionShape<Trigger>> {
    const { namespace, function: name } = filter;
    const owner = { namespace, name, field: "function", among: this.functions };
    const page = listOf(ctx, owner, this.triggers.list(ctx, filter, forward({ first, after })));
    return connect(page, () => this.triggers.count(ctx, filter));
  }

  @Mutation(() => TriggerType, { description: "Turns a trigger on or off." })
  setTriggerEnabled(
    @Args(() => SetTriggerEnabledArgs) { id, enabled }: SetTriggerEnabledArgs,
    @Ctx() ctx: ApiContext,
  ): Promise<Trigger> {
    return this.triggers.setEnabled(ctx, id, enabled);
  }

  @Mutation(() => TriggerType, { description: "Deletes a trigger." })
  deleteTrigger(@Args(() => IdArgs) { id }: IdArgs, @Ctx() ctx: ApiContext): Promise<Trigger> {
    return this.triggers.delete(ctx, id);
  }

  @FieldResolver(() => FunctionType, { description: "The function it calls." })
  function(@Root() { functionId }: Trigger, @Ctx() { loaders }: ApiContext): Promise<FunctionSpec> {
    return getReferred(loaders.functions, functionId, "function");
  }

  @FieldResolver(() => TriggerStatusType, { description: "How it does." })
  async status(@Root() trigger: Trigger, @Ctx() { loaders }: ApiContext): Promise<TriggerStatus> {
    return statusOf(trigger, await loaders.triggerStatuses.load(trigger.id));
  }
}
