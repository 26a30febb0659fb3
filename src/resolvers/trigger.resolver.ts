import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from "type-graphql";
import type { FunctionSpec } from "../model/function.js";
import type { HttpTrigger, Trigger } from "../model/trigger.js";
import type { CountedConnectionShape } from "../schema/connection.type.js";
import { TriggerConnection } from "../schema/connections.js";
import { FunctionType } from "../schema/function.type.js";
import { CreateHttpTriggerInput, SetTriggerEnabledArgs, UpdateHttpTriggerInput } from "../schema/http-trigger.input.js";
import { HttpTriggerType } from "../schema/http-trigger.type.js";
import { TriggersArgs } from "../schema/list.args.js";
import { IdArgs } from "../schema/resource.args.js";
import { TriggerType } from "../schema/trigger.type.js";
import { type ApiContext, getReferred } from "./api-context.js";
import { connect, forward } from "./connection.js";
import { listOf } from "./list-of.js";
import type { FunctionOperations, ServerOperations, TriggerOperations } from "./operations.js";
import { routeUrl } from "./route-url.js";

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

  @Query(() => TriggerConnection, { name: "triggers", description: "Triggers, in the order of namespace and name." })
  listTriggers(
    @Args(() => TriggersArgs) { first, after, ...filter }: TriggersArgs,
    @Ctx() ctx: ApiContext,
  ): Promise<CountedConnectionShape<Trigger>> {
    const { namespace, function: name } = filter;
    const owner = { namespace, name, field: "function", among: this.functions };
    const page = listOf(ctx, owner, this.triggers.list(ctx, filter, forward({ first, after })));
    return connect(page, () => this.triggers.count(ctx, filter));
  }

  @Mutation(() => HttpTriggerType, { description: "Makes a route: from then on its requests reach the function." })
  createHttpTrigger(
    @Arg("input", () => CreateHttpTriggerInput, { description: "What it is to be." }) input: CreateHttpTriggerInput,
    @Ctx() ctx: ApiContext,
  ): Promise<HttpTrigger> {
    return this.triggers.createHttp(ctx, input);
  }

  @Mutation(() => HttpTriggerType, { description: "Changes a route." })
  updateHttpTrigger(
    @Arg("input", () => UpdateHttpTriggerInput, { description: "What is to change." }) input: UpdateHttpTriggerInput,
    @Ctx() ctx: ApiContext,
  ): Promise<HttpTrigger> {
    return this.triggers.updateHttp(ctx, input);
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
}

@Resolver(() => HttpTriggerType)
export class HttpTriggerResolver {
  constructor(private readonly server: ServerOperations) {}

  @FieldResolver(() => String, { description: "The address to call, as the router is reached from outside." })
  url(@Root() trigger: HttpTrigger): string {
    return routeUrl(this.server.info().routerUrl, trigger);
  }
}
